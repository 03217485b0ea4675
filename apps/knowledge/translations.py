"""Labels of findings in the reader's language, where the loaded release has translations."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from django.utils.translation import get_language

from apps.knowledge.models import TermName

# Another process may load a release at any time; a minute late is soon enough for a label.
_REFRESH_SECONDS = 60.0


@dataclass
class _Labels:
    by_language: dict[str, tuple[float, Mapping[str, str]]] = field(default_factory=dict)

    def of(self, language: str) -> Mapping[str, str]:
        read_at, labels = self.by_language.get(language, (float("-inf"), {}))
        if time.monotonic() - read_at > _REFRESH_SECONDS:
            names = TermName.objects.filter(kind=TermName.Kind.LABEL, language=language)
            labels = dict(names.values_list("term_id", "text"))
            self.by_language[language] = (time.monotonic(), labels)
        return labels


_labels = _Labels()


def forget_labels() -> None:
    """Read them anew at the next request of this process: another release was loaded."""
    _labels.by_language.clear()


def label_for_reader(*, term_id: str, label: str) -> str:
    """The label of a finding in the language of the request; `label`, HPO's own, where there is no translation."""
    language = (get_language() or "en").partition("-")[0]
    return label if language == "en" else _labels.of(language).get(term_id, label)
