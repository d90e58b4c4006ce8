"""`lookalike demo` on a folder of what cameras, phones and scanners write."""

import numpy as np
from PIL import Image

from pictures import grey16_png_bytes, heic_bytes, jpeg_bytes, photo, png_bytes, tiff_of


def test_a_folder_of_heic_raw_108_megapixels_and_16_bits_goes_in_at_once(tmp_path, run):
    folder = tmp_path / "camera"
    folder.mkdir()
    large = photo(120, 90, seed=4).resize((12_000, 9_000), Image.Resampling.NEAREST)
    deep = (np.asarray(photo(64, 48, seed=5)).astype("<u2") * 257).tobytes()
    sensor = tiff_of((64, 48), bytes(64 * 48 * 2), bits=16, tags={262: (32_803,)})
    files = {
        "phone.heic": heic_bytes(photo(seed=1)),
        "camera.nef": sensor + jpeg_bytes(photo(seed=2)),
        "full.jpg": jpeg_bytes(large, quality=50),
        "scan.tif": tiff_of((64, 48), deep, bits=16, samples=3),
        "x-ray.png": grey16_png_bytes(),
        "plain.png": png_bytes(photo(seed=3)),
    }
    for name, content in files.items():
        (folder / name).write_bytes(content)
    sheet = tmp_path / "sheet.png"
    done = run("demo", folder, "--model", "tiny", "--no-serve", "--sheet", sheet)
    output = done.stdout + done.stderr
    assert "6 added" in output
    assert " 0 refused" in output
    assert sheet.read_bytes().startswith(b"\x89PNG")
