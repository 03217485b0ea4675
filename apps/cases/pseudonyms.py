"""What may be a pseudonym: text of which two that look alike are the same, as far as Unicode lets one tell.

Unicode Technical Standard 39 (security mechanisms), sections 3 and 5: compatibility forms are folded (NFKC), what
cannot be seen is refused, and so are letters of several scripts in one pseudonym.
"""

import unicodedata

from django.utils.translation import gettext as _

from apps.core.problems import FieldError, InvalidInput

LONGEST = 80
# Control, format (bidirectional marks, zero-width characters), surrogate, private, unassigned, line and paragraph ends.
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
# Default-ignorable code points of other categories (Unicode, DerivedCoreProperties.txt).
_IGNORABLE = frozenset(
    (
        0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180B, 0x180C, 0x180D, 0x180F, 0x3164, 0xFFA0,
        *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0),
    )
)  # fmt: skip
# Scripts that one language writes side by side.
_JAPANESE = frozenset({"HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "CJK"})


def has_unseen(text: str) -> bool:
    """Whether something in `text` cannot be seen, by which two that look alike would differ."""
    return any(unicodedata.category(sign) in _UNSEEN or ord(sign) in _IGNORABLE for sign in text)


def clean_pseudonym(text: str) -> str:
    """`text` in NFKC with single blanks and European digits. Raises InvalidInput for what is no pseudonym."""
    # Refused before it is folded, because folding lets some of it vanish.
    if has_unseen(text):
        _refuse("unseen_character", _("A pseudonym has printable characters only."))
    folded = " ".join(unicodedata.normalize("NFKC", text).split())
    folded = "".join(str(unicodedata.decimal(sign)) if sign.isdecimal() else sign for sign in folded)
    if not 1 <= len(folded) <= LONGEST:
        _refuse("invalid", _("A pseudonym has 1 to %(n)d characters.") % {"n": LONGEST})
    scripts = {unicodedata.name(sign, "").split(" ")[0] for sign in folded if sign.isalpha()}
    if len(scripts) > 1 and not scripts <= _JAPANESE:
        _refuse("mixed_scripts", _("The letters of a pseudonym are of one alphabet, not of several."))
    return folded


def _refuse(code: str, detail: str) -> None:
    raise InvalidInput([FieldError("pseudonym", code, detail)])
