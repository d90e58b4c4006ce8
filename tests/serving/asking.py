"""What tests ask the API for."""

from pictures import jpeg_bytes, photo

TOKEN = {"authorization": "Bearer correct horse"}


def picture(seed=0, **changes):
    """The bytes of a JPEG."""
    return jpeg_bytes(photo(seed=seed, **changes))


def upload(client, content, name="shoe.jpg", **fields):
    headers = fields.pop("headers", {})
    return client.post("/v1/images", files={"image": (name, content, "image/jpeg")}, data=fields, headers=headers)


def address(image_id, size=None):
    return f"/v1/images/{image_id}/content" + (f"?size={size}" if size else "")
