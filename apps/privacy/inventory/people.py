"""Tables of those who work with the system, and of what they did."""

from django.utils.translation import gettext_lazy as _

from apps.privacy.inventory.activities import ACCOUNTS, ALERTS, AUDIT, PRIVACY, SIGNING_IN
from apps.privacy.inventory.kinds import Table, table

_JOB = "id created_at state progress step error started_at finished_at"
_HELD = "application user scope created updated"
_CODE = "id expires code_challenge code_challenge_method nonce claims resource"
_ATTEMPT = "user_agent ip_address username http_accept path_info"

TABLES: list[Table] = [
    table("accounts.Organisation", ACCOUNTS, none="id created_at name"),
    table(
        "accounts.User",
        ACCOUNTS,
        personal="password username first_name last_name email",
        pseudonymous="id organisation is_superuser is_staff is_active date_joined last_login",
    ),
    table("accounts.User_groups", ACCOUNTS, pseudonymous="user group", none="id"),
    table("accounts.User_user_permissions", ACCOUNTS, pseudonymous="user permission", none="id"),
    table(
        "accounts.ApiToken",
        ACCOUNTS,
        personal="name",
        pseudonymous="digest token_key public_id user organisation created expiry scopes last_used_at",
    ),
    table(
        "oauth.Client",
        ACCOUNTS,
        pseudonymous="user client_id client_secret public_id last_used_at",
        none="id organisation name redirect_uris scopes client_type authorization_grant_type created updated",
    ),
    table(
        "oauth.Grant", ACCOUNTS, pseudonymous=f"{_HELD} code redirect_uri used_at", none=f"{_CODE} public_id"
    ),
    table(
        "oauth.AccessToken",
        ACCOUNTS,
        pseudonymous=f"{_HELD} token token_checksum public_id source_refresh_token",
        none="id expires resource",
    ),
    table(
        "oauth.RefreshToken",
        ACCOUNTS,
        pseudonymous="application user created updated token token_checksum token_family access_token revoked",
        none="id resource",
    ),
    # The library's own tables for what is not offered here (ADR 34): they stay empty.
    table("oauth2_provider.IDToken", ACCOUNTS, pseudonymous=f"{_HELD} jti", none="id expires"),
    table(
        "oauth2_provider.DeviceGrant",
        ACCOUNTS,
        pseudonymous="user device_code user_code client_id scope last_checked",
        none="id expires interval status",
    ),
    table(
        "guardian.UserObjectPermission",
        ACCOUNTS,
        pseudonymous="user object_pk",
        none="id permission content_type",
    ),
    table(
        "guardian.GroupObjectPermission",
        ACCOUNTS,
        pseudonymous="object_pk",
        none="id permission content_type group",
    ),
    table(
        "admin.LogEntry",
        ACCOUNTS,
        personal="object_repr change_message",
        pseudonymous="user object_id action_time action_flag",
        none="id content_type",
    ),
    table("sessions.Session", SIGNING_IN, personal="session_key session_data", pseudonymous="expire_date"),
    table(
        "account.EmailAddress", SIGNING_IN, personal="email", pseudonymous="user verified primary", none="id"
    ),
    table(
        "account.EmailConfirmation",
        SIGNING_IN,
        personal="key",
        pseudonymous="email_address created sent",
        none="id",
    ),
    table(
        "mfa.Authenticator",
        SIGNING_IN,
        personal="data",
        pseudonymous="user type created_at last_used_at",
        none="id",
    ),
    table(
        "axes.AccessAttempt",
        SIGNING_IN,
        personal=f"{_ATTEMPT} get_data post_data",
        pseudonymous="attempt_time failures_since_start",
        none="id",
    ),
    table("axes.AccessAttemptExpiration", SIGNING_IN, pseudonymous="access_attempt expires_at"),
    table(
        "axes.AccessFailureLog",
        SIGNING_IN,
        personal=_ATTEMPT,
        pseudonymous="attempt_time locked_out",
        none="id",
    ),
    table(
        "axes.AccessLog",
        SIGNING_IN,
        personal=f"{_ATTEMPT} session_hash",
        pseudonymous="attempt_time logout_time",
        none="id",
    ),
    table(
        "audit.AuditEvent",
        AUDIT,
        personal="address",
        pseudonymous="id occurred_at organisation_id actor_id roles token_id action outcome object_type object_ids "
        "patient_ids request_id purpose details",
        none="sequence",
    ),
    table("audit.PendingEvent", AUDIT, none="sequence"),
    table("audit.Block", AUDIT, none="number previous root size sealed_at hash"),
    table("audit.Leaf", AUDIT, pseudonymous="event_id hash", none="sequence block position"),
    table("audit.AnchoredBlock", AUDIT, none="number anchored_at"),
    table("audit.SealerState", AUDIT, none="number looked_at error"),
    # The result holds ids of events, which name opaque ids in turn.
    table(
        "audit.Verification",
        AUDIT,
        pseudonymous="requested_by_id result",
        none=f"{_JOB} organisation_id",
    ),
    table(
        "alerts.Alert",
        ALERTS,
        pseudonymous="account_id event_id n kind",
        none="id created_at organisation subject resolved_at",
    ),
    table("alerts.Delivery", ALERTS, none="id created_at alert channel attempts due_at delivered_at error"),
    table(
        "privacy.RetentionRun",
        PRIVACY,
        pseudonymous="requested_by_id",
        none=f"{_JOB} organisation n_due n_deleted n_predictions",
    ),
    table(
        "privacy.AccessArchive",
        PRIVACY,
        personal="sealed_content",
        pseudonymous="requested_by_id patient",
        none=f"{_JOB} organisation language expires_at",
        retention=_("{archive_days} days; then the row without its content"),
    ),
    table(
        "privacy.Erasure",
        PRIVACY,
        pseudonymous="requested_by_id patient_id reason replay_of files",
        none=f"{_JOB} organisation ledgered_at rows model_numbers",
    ),
]
