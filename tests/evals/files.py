"""Made-up question sets in the published forms."""

import json
from pathlib import Path
from typing import Any

TURNS = (
    ("Ana", "I moved to Lisbon in March and rent a flat near the river."),
    ("Ben", "Nice! My sister Carla keeps two goats on her farm."),
    ("Ana", "My new neighbour plays the cello every evening."),
    ("Ben", "I am allergic to walnuts, so no cake for me."),
    ("Ana", "The dentist moved my appointment to Friday at nine."),
    ("Ben", "My old bicycle was stolen behind the station."),
)


def locomo(path: Path, turns: tuple[tuple[str, str], ...] = TURNS) -> Path:
    sessions: dict[str, Any] = {}
    for number in (1, 2):
        part = turns[3 * (number - 1) : 3 * number]
        sessions[f"session_{number}"] = [
            {"speaker": who, "dia_id": f"D{number}:{n}", "text": text}
            for n, (who, text) in enumerate(part, 1)
        ]
        sessions[f"session_{number}_date_time"] = f"1:56 pm on {8 + number} May, 2023"
    qa = [
        {"question": "Which city did Ana move to?", "answer": "Lisbon", "evidence": ["D1:1"],
         "category": 4},
        {"question": "What animals does Carla keep?", "answer": "goats", "evidence": ["D1:2"],
         "category": 4},
        {"question": "What are Ben's losses and allergies?", "answer": "bicycle, walnuts",
         "evidence": ["D2:1; D2:3"], "category": 1},
        {"question": "Which piano does Ana own?", "adversarial_answer": "a grand",
         "evidence": ["D1:3"], "category": 5},
        {"question": "Nowhere?", "answer": "?", "evidence": [], "category": 3},
    ]  # fmt: skip
    sample = {"sample_id": "conv-1", "conversation": sessions, "qa": qa}
    path.write_text(json.dumps([sample]))
    return path


def longmemeval(path: Path) -> Path:
    """Two questions that share a distractor session, and one that has no answer."""
    shared = ("f00dcafe_1", "2023/05/20 (Sat) 00:48", ["The weather was fine.", "It was indeed."])
    goats = ("answer_4be1b6b4_1", "2023/05/21 (Sun) 01:00", ["My goats are called Mia and Moe."])
    early = ("answer_4be1b6b4_1", "2022/01/01 (Sat) 01:00", ["My goats are called Mia and Moe."])
    piano = ("answer_280352e9", "2023/05/22 (Mon) 01:00", ["I sold the piano.", "A good price?"])
    rows = [
        _row("a1b2c3d4", "What are my goats called?", (shared, goats), "answer_4be1b6b4_1"),
        _row("b2c3d4e5", "Which instrument did I sell?", (piano, shared, early), "answer_280352e9"),
        _row("c3d4e5f6_abs", "What is my cat called?", (shared, piano), "answer_280352e9"),
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def realtalk(path: Path) -> Path:
    chat = {
        "name": {"speaker_1": "Emi", "speaker_2": "Elise"},
        "session_1": [
            {"speaker": "Emi", "dia_id": "D1:1", "date_time": "29.12.2023, 16:01:50",
             "clean_text": "I start at the bakery on Monday."},
            {"speaker": "Elise", "dia_id": "D1:2", "date_time": "29.12.2023, 16:02:10",
             "clean_text": "", "img_file": ["x.jpg"]},
            {"speaker": "Elise", "dia_id": "D1:3", "date_time": "29.12.2023, 16:03:00",
             "clean_text": "", "blip_caption": "a loaf of bread"},
        ],
        "session_1_date_time": "29.12.2023, 16:01:50",
        "qa": [{"question": "Where does Emi work?", "answer": "bakery", "evidence": ["D1:1"],
                "category": 1}],
    }  # fmt: skip
    path.write_text(json.dumps(chat))
    return path


def _row(name: str, question: str, sessions: tuple[Any, ...], gold: str) -> dict[str, Any]:
    return {
        "question_id": name,
        "question_type": "single-session-user",
        "question": question,
        "question_date": "2023/05/30 (Tue) 22:42",
        "answer": "x",
        "answer_session_ids": [gold],
        "haystack_dates": [date for _, date, _ in sessions],
        "haystack_session_ids": [published for published, _, _ in sessions],
        "haystack_sessions": [
            [
                {"role": ("user", "assistant")[n % 2], "content": text}
                | ({"has_answer": True} if published == gold and n == 0 else {})
                for n, text in enumerate(texts)
            ]
            for published, _, texts in sessions
        ],
    }
