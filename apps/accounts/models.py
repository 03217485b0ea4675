"""Organisations, accounts and tokens."""

from django.contrib.auth.models import AbstractUser
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _
from knox.models import AbstractAuthToken

from apps.core.capabilities import Capability
from apps.core.identifiers import uuid7
from apps.core.models import Record


class Organisation(Record):
    """A hospital, a clinic or a company that integrates; no data cross from one to another."""

    name = models.CharField(_("name"), max_length=200, unique=True)

    class Meta:
        ordering = ["name"]
        verbose_name = _("organisation")
        verbose_name_plural = _("organisations")

    def __str__(self) -> str:
        return self.name


class User(AbstractUser):  # type: ignore[django-manager-missing] # knox's base class names the relation
    """An account. What it may do follows from its roles, which are Django groups."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organisation = models.ForeignKey(
        Organisation,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="users",
        verbose_name=_("organisation"),
    )

    class Meta(AbstractUser.Meta):
        # One permission a capability, so that groups can carry them and admin can show them.
        permissions = [(capability.value, str(capability.label)) for capability in Capability]


class ApiToken(AbstractAuthToken):
    """A token of the REST API. Only its SHA-512 digest is stored; the token is shown once."""

    public_id = models.UUIDField(default=uuid7, unique=True, editable=False)
    name = models.CharField(_("name"), max_length=80, blank=True)
    # It opens nothing when its owner has moved to another one.
    organisation = models.ForeignKey(
        Organisation, models.CASCADE, null=True, editable=False, related_name="+"
    )
    # Capabilities; it has those of them that its owner has when it is used. Null, from before scopes: every one.
    scopes = ArrayField(models.CharField(max_length=40), null=True, editable=False)
    last_used_at = models.DateTimeField(_("last used"), null=True, editable=False)

    class Meta:
        ordering = ["-created"]
        verbose_name = _("API token")
        verbose_name_plural = _("API tokens")

    @property
    def caller(self) -> str:
        """Under which its calls are counted."""
        return str(self.public_id)
