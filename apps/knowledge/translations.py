"""Labels of findings in the reader's language, where the loaded release has translations."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from django.utils.translation import get_language

from apps.knowledge.models import TermName
from apps.knowledge.selectors import current_release

# Another process may load a release at any time; a minute late is soon enough for a label.
_REFRESH_SECONDS = 60.0


@dataclass
class _Labels:
    looked_at: float = float("-inf")
    release: UUID | None = None
    by_language: dict[str, Mapping[str, str]] = field(default_factory=dict)

    def of(self, language: str) -> Mapping[str, str]:
        if time.monotonic() - self.looked_at > _REFRESH_SECONDS:
            self._look()
        if language not in self.by_language:
            names = TermName.objects.filter(kind=TermName.Kind.LABEL, language=language)
            self.by_language[language] = dict(names.values_list("term_id", "text"))
        return self.by_language[language]

    def _look(self) -> None:
        """Forget what another release said: some 20,000 labels are not read again for nothing."""
        loaded = current_release()
        release = loaded.pk if loaded else None
        if release != self.release:
            self.by_language.clear()
        self.release, self.looked_at = release, time.monotonic()


_labels = _Labels()


def forget_labels() -> None:
    """Read them anew at the next request of this process: another release was loaded."""
    _labels.looked_at = float("-inf")
    _labels.by_language.clear()


def label_for_reader(*, term_id: str, label: str) -> str:
    """The label of a finding in the language of the request; `label`, HPO's own, where there is no translation."""
    language = (get_language() or "en").partition("-")[0]
    return label if language == "en" else _labels.of(language).get(term_id, label)
