"""ChatGPT's data export, `conversations.json`: a list of message trees.

The branch that ends at `current_node` is read; answers that were regenerated away stand on
other branches and are counted in a note, as are hidden messages and reasoning.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from memory_core.errors import InvalidInput
from memory_core.interchange.base import Place, Record, fitting_name, joined_notes, key_of
from memory_core.interchange.messages import Content, content_of, counted, role_of, source_of
from memory_core.interchange.source import items
from memory_core.interchange.times import moment

NAME = "chatgpt"

_REASONING = {"thoughts", "reasoning_recap"}
_CONTEXT = {"user_editable_context", "model_editable_context"}


def read_chatgpt(path: Path) -> Iterator[Record]:
    """Yield a record for each message on the branches that were kept.

    Raises:
        InvalidInput: the file as a whole cannot be read.
    """
    for item in items(path):
        place = Place(item.position)
        if item.error is not None:
            yield place.failed(item.error)
        elif not recognises(item.value) or not isinstance(item.value, dict):
            yield place.failed(f"{item.position}: no conversation with a mapping; leave it out")
        else:
            yield from _conversation(item.value, item.position)


def recognises(value: object) -> bool:
    """Say whether a file's value is a conversation of the export."""
    return isinstance(value, dict) and isinstance(value.get("mapping"), dict)


def _conversation(tree: Mapping[str, object], position: str) -> Iterator[Record]:
    mapping = tree["mapping"]
    identity = tree.get("conversation_id") or tree.get("id")
    if not isinstance(mapping, dict) or not isinstance(identity, str):
        yield Place(position).failed(f"{position}: a conversation without an id; add one")
        return
    place = Place(position, identity)
    branch, fault = _branch(mapping, tree.get("current_node"))
    if fault:
        yield place.failed(f"{position}: {fault}")
    skipped: Counter[str] = Counter()
    for node in branch:
        message = mapping[node].get("message")
        if message is None:
            continue
        if reason := _reason_to_skip(message):
            skipped[reason] += 1
            continue
        yield _message_record(message, node, place)
    spoken = {n for n, node in mapping.items() if isinstance(node, dict) and node.get("message")}
    skipped["on other branches"] = len(spoken - set(branch))
    if note := counted("left out", skipped):
        yield place.skipped(note)


def _message_record(message: object, node: str, place: Place) -> Record:
    place = place.within(node)
    try:
        if not isinstance(message, dict):
            raise InvalidInput("a message that is no object; repair it")
        author = message.get("author")
        author = author if isinstance(author, dict) else {}
        role = role_of(author.get("role"))
        content = _content(message.get("content"))
        at = moment(message.get("create_time"), "create_time")
    except InvalidInput as error:
        return place.failed(f"{place.position}: {error}")
    if not content.text.strip():
        return place.skipped(joined_notes("no text in the message", content.note) or "")
    return place.record(
        content.note,
        text=content.text,
        role=role,
        source=source_of(role),
        speaker=author.get("name"),
        session=fitting_name(place.conversation or ""),
        occurred_at=at,
        key=key_of(NAME, place.conversation or "", node),
    )


def _content(value: object) -> Content:
    if not isinstance(value, dict):
        return content_of(value)
    if isinstance(value.get("parts"), list):
        return content_of(value["parts"])
    text = value.get("text") or value.get("result")
    return content_of(text if isinstance(text, str) else [value])


def _reason_to_skip(message: object) -> str | None:
    if not isinstance(message, dict):
        return None
    metadata, content = message.get("metadata"), message.get("content")
    if isinstance(metadata, dict) and metadata.get("is_visually_hidden_from_conversation"):
        return "hidden"
    form = content.get("content_type") if isinstance(content, dict) else None
    if not isinstance(form, str):
        return None
    if form in _REASONING:
        return "reasoning"
    return "custom instructions" if form in _CONTEXT else None


def _branch(mapping: Mapping[str, object], current: object) -> tuple[list[str], str | None]:
    """Return the node ids from the root to the current one, and a fault if it is broken."""
    known = isinstance(current, str) and current in mapping
    node = current if known else _last_leaf(mapping)
    branch: list[str] = []
    met: set[str] = set()
    while isinstance(node, str):
        fields = mapping.get(node)
        if not isinstance(fields, dict):
            return branch[::-1], f"node {node!r} is missing or no object; the branch is cut there"
        if node in met:
            return branch[::-1], f"node {node!r} is its own ancestor; the branch is cut there"
        branch.append(node)
        met.add(node)
        node = fields.get("parent")
    return branch[::-1], None


def _last_leaf(mapping: Mapping[str, object]) -> str | None:
    leaves = [n for n, f in mapping.items() if isinstance(f, dict) and not f.get("children")]
    return leaves[-1] if leaves else None
