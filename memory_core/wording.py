"""How counts are said."""


def counted(number: int, one: str = "memory", many: str = "memories") -> str:
    """Return a number with the word that goes with it.

    Example:
        >>> counted(1), counted(1200), counted(2, "link", "links")
        ('1 memory', '1,200 memories', '2 links')
    """
    return f"{number:,} {one if number == 1 else many}"
