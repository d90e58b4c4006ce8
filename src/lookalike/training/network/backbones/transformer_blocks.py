"""Parts of vision transformers that are networks of our own; their weights have the names that timm gives them."""

from collections.abc import Callable

from torch import Tensor, nn
from torch.nn import functional


class PatchEmbedding(nn.Module):
    """A linear map of each patch: [images, 3, side, side] to [images, patches, width]."""

    def __init__(self, width: int, patch: int, *, bias: bool) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, width, patch, stride=patch, bias=bias)

    def forward(self, batch: Tensor) -> Tensor:
        """Tokens of pictures."""
        patches: Tensor = self.proj(batch).flatten(2).transpose(1, 2)
        return patches


class Feedforward(nn.Module):
    """Two linear layers, the first four times as wide."""

    def __init__(self, width: int, activation: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)
        self._activation = activation

    def forward(self, tokens: Tensor) -> Tensor:
        """[..., width] to [..., width]."""
        widened: Tensor = self.fc2(self._activation(self.fc1(tokens)))
        return widened


class Attention(nn.Module):
    """Self-attention of several heads."""

    def __init__(self, width: int, heads: int, *, bias: bool) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width, bias=bias)
        self.proj = nn.Linear(width, width)

    def forward(self, tokens: Tensor, placed: Callable[[Tensor], Tensor] | None = None) -> Tensor:
        """[images, tokens, width] to the same.

        Args:
            tokens: of pictures.
            placed: brings the places of tokens into queries and keys, [images, heads, tokens, head]; None for neither.
        """
        images, count, width = tokens.shape
        query, key, value = self.qkv(tokens).reshape(images, count, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        if placed is not None:
            query, key = placed(query), placed(key)
        seen = functional.scaled_dot_product_attention(query, key, value)
        joined: Tensor = self.proj(seen.transpose(1, 2).reshape(images, count, width))
        return joined


class Block(nn.Module):
    """Attention, then two linear layers, each behind a normalisation and added to what came."""

    def __init__(self, width: int, heads: int, *, activation: Callable[[Tensor], Tensor], bias: bool) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attn = Attention(width, heads, bias=bias)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = Feedforward(width, activation)

    def forward(self, tokens: Tensor, placed: Callable[[Tensor], Tensor] | None = None) -> Tensor:
        """[images, tokens, width] to the same; `placed` as in `Attention`."""
        tokens = tokens + self.attn(self.norm1(tokens), placed)
        widened: Tensor = tokens + self.mlp(self.norm2(tokens))
        return widened
