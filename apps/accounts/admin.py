"""Roles, accounts and tokens in Django admin, within the administrator's own organisation."""

from typing import Any, NoReturn
from uuid import UUID

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib import admin, messages
from django.contrib.admin.models import LogEntry
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, Permission
from django.db import models, transaction
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from apps.accounts.actors import Actor
from apps.accounts.factors import reset_factors
from apps.accounts.models import ApiToken, Organisation, User
from apps.accounts.reauthentication import confirm_first, reauthentication_required
from apps.accounts.services import unlock_accounts
from apps.audit.services import record_event
from apps.core.capabilities import Capability
from apps.core.problems import Denied


def _scope(request: HttpRequest) -> UUID:
    actor: Actor = request.actor  # type: ignore[attr-defined]
    return actor.scope


class Audited(admin.ModelAdmin):
    """Writes an audit event beside each entry of Django's own log, in the same transaction."""

    def _get_obj_does_not_exist_redirect(self, request: HttpRequest, opts: Any, object_id: str) -> NoReturn:
        """404 and an event, as everywhere, in place of Django's way to the index with a message."""
        raise Denied("admin.read", str(opts.model_name))

    def log_addition(self, request: HttpRequest, obj: models.Model, message: Any) -> LogEntry:
        self._record(request, obj, "add", message)
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: models.Model, message: Any) -> LogEntry:
        self._record(request, obj, "change", message)
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        for obj in queryset:
            self._record(request, obj, "delete", None)
        return super().log_deletions(request, queryset)

    def _record(self, request: HttpRequest, obj: models.Model, verb: str, message: Any) -> None:
        identifier = getattr(obj, "public_id", obj.pk)
        changed = [name for part in message or [] for name in part.get("changed", {}).get("fields", [])]
        opaque = not isinstance(identifier, int | str)
        record_event(
            actor=request.actor,  # type: ignore[attr-defined]
            action=f"admin.{obj._meta.model_name}.{verb}",
            object_type=obj._meta.model_name or "",
            object_ids=[identifier] if opaque else [],
            details={"fields": [str(name) for name in changed]} | ({} if opaque else {"object": identifier}),
        )


class Confirmed(admin.ModelAdmin):
    """Asks once more who it is before anything is added, changed or deleted, when that was proven too long ago."""

    @reauthentication_required
    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return super().changeform_view(request, *args, **kwargs)

    @reauthentication_required
    def delete_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return super().delete_view(request, *args, **kwargs)

    def changelist_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        first = confirm_first(request) if request.method == "POST" else None
        return first or super().changelist_view(request, *args, **kwargs)


@admin.register(User)
class AccountAdmin(Confirmed, Audited, UserAdmin):
    """Accounts of one's own organisation. Only a superuser may cross organisations or make superusers."""

    list_display = ("username", "last_name", "organisation", "role_names", "is_active", "last_login")
    list_filter = ("groups", "is_active")
    search_fields = ("username", "first_name", "last_name", "email")
    filter_horizontal = ("groups",)
    actions = ("unlock", "reset_second_factor")
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        (_("Person"), {"fields": ("first_name", "last_name", "email", "organisation")}),
        (_("Roles"), {"fields": ("is_active", "groups")}),
        (_("Dates"), {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = ((None, {"fields": ("username", "usable_password", "password1", "password2")}),)
    readonly_fields = ("last_login", "date_joined")

    @admin.display(description=_("roles"))
    def role_names(self, user: User) -> str:
        return ", ".join(sorted(group.name for group in user.groups.all()))

    @reauthentication_required
    def user_change_password(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return super().user_change_password(request, *args, **kwargs)

    @admin.action(description=_("Remove second factors"), permissions=["change"])
    def reset_second_factor(self, request: HttpRequest, users: models.QuerySet[User]) -> None:
        reset_factors(actor=request.actor, users=list(users))  # type: ignore[attr-defined]
        self.message_user(
            request,
            _("The second factors were removed; whoever needs one is asked for a new one."),
            messages.SUCCESS,
        )

    @admin.action(description=_("Unlock sign-in"), permissions=["change"])
    def unlock(self, request: HttpRequest, users: models.QuerySet[User]) -> None:
        unlock_accounts(actor=request.actor, users=users)  # type: ignore[attr-defined]
        self.message_user(request, _("The accounts can be signed in to again."), messages.SUCCESS)

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[User]:
        accounts = super().get_queryset(request).select_related("organisation").prefetch_related("groups")
        if request.user.is_superuser:
            return accounts
        return accounts.filter(organisation_id=_scope(request), is_superuser=False)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fields = super().get_readonly_fields(request, obj)
        return fields if request.user.is_superuser else (*fields, "organisation")

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        if not change and obj.organisation_id is None:
            obj.organisation_id = request.actor.organisation_id  # type: ignore[attr-defined]
        super().save_model(request, obj, form, change)


# Second factors are their owner's; nobody here proves e-mail addresses.
admin.site.unregister([Group, Authenticator, EmailAddress])


@admin.register(Group)
class RoleAdmin(Confirmed, Audited, GroupAdmin):
    """Roles and their capabilities."""

    def formfield_for_manytomany(self, db_field: Any, request: Any = None, **kwargs: Any) -> Any:
        field = super().formfield_for_manytomany(db_field, request, **kwargs)
        if db_field.name == "permissions" and field is not None and not request.user.is_superuser:
            # Roles carry capabilities; Django's permissions per table are for superusers.
            field.queryset = Permission.objects.filter(codename__in=Capability.values)
        return field


@admin.register(Organisation)
class OrganisationAdmin(Confirmed, Audited):
    list_display = ("name", "created_at")

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Organisation]:
        organisations = super().get_queryset(request)
        if request.user.is_superuser:
            return organisations
        return organisations.filter(pk=_scope(request))


@admin.register(ApiToken)
class ApiTokenAdmin(Confirmed, Audited):
    """Tokens can be seen and revoked here, never made: their owner makes them on his account page."""

    list_display = ("user", "name", "created", "last_used_at", "expiry")
    fields = ("user", "name", "scopes", "created", "last_used_at", "expiry")
    readonly_fields = fields

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[ApiToken]:
        tokens = super().get_queryset(request).select_related("user")
        if request.user.is_superuser:
            return tokens
        return tokens.filter(user__organisation_id=_scope(request))

    def delete_queryset(self, request: HttpRequest, queryset: models.QuerySet[ApiToken]) -> None:
        with transaction.atomic():
            super().delete_queryset(request, queryset)
