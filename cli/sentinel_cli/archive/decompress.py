"""Turns the bytes of a file into the text in it: every gzip member, none cut off, bounded memory.

A decompression bomb reaches 1,032:1 (deflate's limit); CloudTrail's files reach 7:1 to 20:1.
"""

from __future__ import annotations

import codecs

from sentinel_cli.archive.engine import Engine, Text
from sentinel_cli.archive.sources import LARGEST_FILE, UnreadableError

GZIP_MAGIC = b"\x1f\x8b"
_MEMBER_START = b"\x1f\x8b\x08"
_JSON_STARTS = (
    *(bytes((byte,)) for byte in b'{["-0123456789'),
    *(b"null", b"true", b"false"),
    *(codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE),
)
LARGEST_RATIO = 200
"""Decompressed by compressed size, for what is larger than `FREE_SIZE`."""
FREE_SIZE = 64 * 1024 * 1024
"""Bytes of text that any file may hold, however well it compresses."""
MOST_MEMBERS = 100_000
_SLICE = 256 * 1024
_GZIP = 31


def text_of(data: bytes, engine: Engine, name: str = "") -> Text:
    """Return the decompressed bytes of a gzip file, or `data` itself when it is not gzip.

    Raises UnreadableError when a member is cut off or damaged, when other bytes follow the last
    member, when the text is empty, when the caps on size, ratio and members are passed, and
    when only the *name* says gzip.
    """
    if not data.startswith(GZIP_MAGIC):
        start = data[:64].strip()[:8]
        if name.endswith(".gz") and start and not start.startswith(_JSON_STARTS):
            shown = start.decode("ascii", "backslashreplace")
            raise UnreadableError(
                f"it is not JSON, nor gzip as its name says (starts with {shown!r})",
                expected="CloudTrail records",
            )
        return data
    text: Text | None = _one_member(data, engine)
    if text is None:
        text = _all_members(data, engine)
    if not text:
        raise UnreadableError("it is gzip and nothing is in it", expected="CloudTrail records")
    return text


def largest_text(compressed: int) -> int:
    """How many bytes may come out of `compressed` bytes."""
    return min(LARGEST_FILE, max(FREE_SIZE, LARGEST_RATIO * compressed))


def _one_member(data: bytes, engine: Engine) -> bytearray | None:
    """Read a file of one member by libdeflate, or return None: the reader of members decides.

    libdeflate stops after the first member and does not say so, hence the search for a second
    one; compressed bytes that only look like a member's start cost time, not records. It also
    allocates what the last four bytes promise, and these belong to whoever wrote the file.
    """
    promised = int.from_bytes(data[-4:], "little")
    if engine.gunzip is None or not 0 < promised <= largest_text(len(data)):
        return None
    if engine.count(data, _MEMBER_START) > 1:
        return None
    try:
        text = engine.gunzip(data)
    except engine.gunzip_errors:
        return None
    return text if len(text) == promised else None


def _all_members(data: bytes, engine: Engine) -> bytes:
    limit = largest_text(len(data))
    parts: list[bytes] = []
    size = members = position = 0
    pending = b""
    member = engine.decompressor(_GZIP)
    while pending or position < len(data):
        if not pending:
            pending = data[position : position + _SLICE]
            position += _SLICE
        if member.eof:
            if not pending.strip(b"\0"):
                # Tapes and some copiers pad with zeros; gzip itself ignores them.
                pending = b""
                continue
            members += 1
            if members >= MOST_MEMBERS:
                raise UnreadableError(f"it has over {MOST_MEMBERS:,} gzip members; split it")
            member = engine.decompressor(_GZIP)
        try:
            part = member.decompress(pending, limit - size + 1)
        except engine.decompress_errors as error:
            raise UnreadableError(_damage(members, error)) from error
        parts.append(part)
        size += len(part)
        if size > limit:
            raise UnreadableError(_bomb(len(data), limit))
        pending = member.unused_data if member.eof else member.unconsumed_tail
    if not member.eof:
        raise UnreadableError(
            "the gzip stream is cut off; expected a whole file: copy or download it again"
        )
    return b"".join(parts)


def _damage(members: int, error: Exception) -> str:
    where = "" if members == 0 else f" after {members:,} whole gzip members"
    return f"it is not gzip all through, or damaged{where} ({error}); copy or download it again"


def _bomb(compressed: int, limit: int) -> str:
    return (
        f"its {compressed:,} bytes decompress to over {limit // 1024**2} MiB, "
        f"as a decompression bomb does; if it is yours, split it into smaller files"
    )
