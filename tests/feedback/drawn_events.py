"""Events of every shape, drawn by hypothesis."""

from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from lookalike.types import Interaction, InteractionKind

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
tokens = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=64)
names = st.none() | st.text(
    st.characters(min_codepoint=0x20, exclude_characters="\x7f", exclude_categories=["Cs"]), min_size=1, max_size=100
)
places = st.none() | st.floats(-1e6, 1e6, allow_nan=False)
counts = st.none() | st.integers(1, 1_000_000)


@st.composite
def interactions(draw):
    kind = draw(st.sampled_from(InteractionKind))
    return Interaction(
        event_id=draw(tokens),
        query_id=draw(tokens),
        image_id=draw(tokens),
        position=draw(st.integers(1, 1_000_000)),
        kind=kind,
        at=NOON + timedelta(microseconds=draw(st.integers(-(10**14), 10**12))),
        dwell_seconds=draw(st.floats(0, 86_400)) if kind is InteractionKind.DWELL else None,
        row=draw(counts),
        column=draw(counts),
        fold=draw(counts),
        x=draw(places),
        y=draw(places),
        client_id=draw(names),
        session_id=draw(names),
        user_id=draw(names),
        application=draw(names),
        simulated=draw(st.booleans()),
    )
