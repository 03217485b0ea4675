"""A patient's archive of his data: asked for from his access report, watched, and downloaded."""

from uuid import UUID

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import get_language
from django.views import View

from apps.accounts.permissions import CapabilityRequired
from apps.accounts.reauthentication import ReauthenticationRequired
from apps.core.capabilities import Capability
from apps.core.downloads import named
from apps.core.jobs import UNFINISHED
from apps.core.queue import queue_after_commit
from apps.privacy.archive import open_archive, read_archive, request_archive
from apps.privacy.tasks import make_archive


class MakeArchive(CapabilityRequired, ReauthenticationRequired, View):
    """Asks for an archive, in the language of the page."""

    capability = Capability.PRIVACY_EXPORT
    http_method_names = ["post"]

    @transaction.atomic
    def post(self, request: HttpRequest, patient_id: UUID) -> HttpResponse:
        archive = request_archive(actor=self.actor, patient_id=patient_id, language=get_language() or "en")
        queue_after_commit(make_archive, str(archive.pk))
        return redirect("privacy:archive", archive.pk)


class ArchivePage(CapabilityRequired, View):
    """How far an archive is, and until when it can be downloaded."""

    capability = Capability.PRIVACY_EXPORT

    def get(self, request: HttpRequest, archive_id: UUID) -> HttpResponse:
        archive = read_archive(actor=self.actor, archive_id=archive_id)
        context = {"archive": archive, "is_busy": archive.state in UNFINISHED}
        return render(request, "privacy/archive_state.html", context)


class ArchiveDownload(CapabilityRequired, ReauthenticationRequired, View):
    """The zip."""

    capability = Capability.PRIVACY_EXPORT

    def get(self, request: HttpRequest, archive_id: UUID) -> HttpResponse:
        content = open_archive(actor=self.actor, archive_id=archive_id)
        return named(HttpResponse(content, content_type="application/zip"), f"hoofbeat-{archive_id}.zip")
