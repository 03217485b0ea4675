"""Settings, typed and from the environment; secure unless told otherwise.

`DEBUG` is off, and no secret has a default: `make run` generates them under `var/`.
"""

from datetime import timedelta
from pathlib import Path

import dj_database_url
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

from apps.core.encryption.keyring import parse_keys
from config import environment as env
from config.servers import broker_options, database_options

BASE_DIR = Path(__file__).resolve().parent.parent

# --- Core ------------------------------------------------------------------------------------------------------

SECRET_KEY = env.text("SECRET_KEY", "the key that signs sessions; at least 50 random characters")
if len(SECRET_KEY) < 50:
    raise ImproperlyConfigured("SECRET_KEY is too short; it needs at least 50 random characters.")
SECRET_KEY_FALLBACKS = env.words(
    "SECRET_KEY_FALLBACKS",
    "earlier keys: sessions and second factors made with them go on, nothing new is signed",
)
if any(len(key) < 50 for key in SECRET_KEY_FALLBACKS):
    raise ImproperlyConfigured("SECRET_KEY_FALLBACKS holds a key of less than 50 characters.")
DEBUG = env.flag("DEBUG", "show tracebacks to the browser; never where patients are", False)
ALLOWED_HOSTS = env.words(
    "ALLOWED_HOSTS", "host names that this server answers to", "127.0.0.1,localhost,[::1]"
)
CSRF_TRUSTED_ORIGINS = env.words("CSRF_TRUSTED_ORIGINS", "origins (https://host) whose forms are trusted")

INSTALLED_APPS = [
    "config.apps.HoofbeatConfig",
    "config.apps.HoofbeatAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "axes",
    "bootstrap",
    "csp",
    "django_celery_beat",
    "django_filters",
    "django_htmx",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "guardian",
    "knox",
    "oauth2_provider",
    "rest_framework",
    "apps.core",
    "apps.audit",
    "apps.accounts",
    "apps.oauth",
    "apps.knowledge",
    "apps.cases",
    "apps.registry",
    "apps.datasets",
    "apps.predictions",
    "apps.lifecycle",
    "apps.interop",
    "apps.privacy",
    "apps.alerts",
]

MIDDLEWARE = [
    "apps.core.proxies.ProxyMiddleware",
    "apps.core.middleware.RequestIdMiddleware",
    "apps.core.middleware.OrganisationMiddleware",
    "apps.core.middleware.BrowserPolicyMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "apps.core.middleware.ProblemMiddleware",
    "apps.core.middleware.BodySizeMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "apps.core.middleware.SlashMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "allauth.account.middleware.AccountMiddleware",  # tells allauth's second factors the request; nothing else
    "apps.accounts.middleware.ActorMiddleware",
    "apps.audit.middleware.DenialMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "apps.accounts.middleware.SessionMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# --- Data ------------------------------------------------------------------------------------------------------

APPLICATION_DATABASE_URL = env.url(
    "DATABASE_URL", "PostgreSQL as the application's role, which owns nothing", ("postgres", "postgresql")
)
DATABASES = {
    "default": dj_database_url.parse(
        APPLICATION_DATABASE_URL,
        engine="apps.core.database",
        # A persistent connection a thread; measured faster than psycopg's pool under gunicorn's threads.
        conn_max_age=None,
        conn_health_checks=True,
    )
}
# The files are given by their path: DATABASE_ROOT_CERTIFICATE_FILE would be a file that holds a path.
DATABASES["default"].setdefault("OPTIONS", {}).update(
    database_options(
        env.text(
            "DATABASE_ROOT_CERTIFICATE",
            "file of the authority that signed PostgreSQL's certificate: no connection without TLS 1.2 and that name",
            "",
        )
    )
)
# `manage.py migrate` connects with it; the web server and the workers neither need nor get it.
MIGRATION_DATABASE_URL = env.url(
    "MIGRATION_DATABASE_URL",
    "PostgreSQL as the role that owns the tables; needed by `manage.py migrate` alone",
    ("postgres", "postgresql"),
    default="",
)

CACHE_URL = env.url("CACHE_URL", "Valkey or Redis for throttling", ("redis", "rediss"))
BROKER_URL = env.url("BROKER_URL", "Valkey or Redis as Celery's broker", ("redis", "rediss"))
BROKER_ROOT_CERTIFICATE = env.text(
    "BROKER_ROOT_CERTIFICATE",
    "file of the authority that signed the certificates of broker and cache, whose URLs begin with rediss://",
    "",
)
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": CACHE_URL,
        # Throttling must not hang a clinical request when the cache is gone.
        "OPTIONS": {"socket_connect_timeout": 1, "socket_timeout": 1}
        | broker_options(CACHE_URL, BROKER_ROOT_CERTIFICATE),
    }
}

MODEL_STORE = Path(env.text("MODEL_STORE", "folder of model artefacts", str(BASE_DIR / "var" / "models")))
SHIPPED_MODELS_ANSWER = env.flag(
    "SHIPPED_MODELS_ANSWER",
    "a model that an update brings answers at once, as long as no person has ever released one",
    False,
)
DATA_STORE = Path(env.text("DATA_STORE", "folder of dataset versions", str(BASE_DIR / "var" / "datasets")))
GATE_THRESHOLDS = env.text(
    "GATE_THRESHOLDS",
    "a JSON file that replaces some thresholds of the gates (docs/gates.md); none: the defaults",
    "",
)
MLFLOW_TRACKING_URI = env.text(
    "MLFLOW_TRACKING_URI",
    "where experiments are noted: sqlite:///folder/mlflow.db, the URL of an MLflow server, or none",
    f"sqlite:///{BASE_DIR / 'var' / 'mlflow' / 'mlflow.db'}",
)
RAW_STORE = env.text(
    "RAW_STORE",
    "where raw files of sources and uploads are kept: file:///folder, or the URL of a folder in an object store that "
    "fsspec knows",
    (DATA_STORE / "raw").resolve().as_uri(),
)
DATA_ROOTS = env.words(
    "DATA_ROOTS",
    "folders of this machine, and beginnings of buckets' URLs that its own role opens, which sources may read, "
    "separated by commas; without any, uploads and what opens by a source's own credentials",
)
AUDIT_ANCHOR = env.text(
    "AUDIT_ANCHOR",
    "where sealed blocks of the audit trail are anchored, apart from the database: file:///folder, the URL of a folder "
    "in an object store that fsspec knows, or https://, a webhook",
    (BASE_DIR / "var" / "anchor").as_uri(),
)
ARCHIVE_DAYS = env.integer(
    "ARCHIVE_DAYS", "days for which a patient's archive of his data can be downloaded", 7, 1, 90
)
ERASURE_LEDGER = env.text(
    "ERASURE_LEDGER",
    "where erasures are kept, apart from the database and its backups, to be replayed after a restore: file:///folder, "
    "or the URL of a folder in an object store that fsspec knows",
    (BASE_DIR / "var" / "erasures").as_uri(),
)
RETENTION_DAYS = env.integer(
    "RETENTION_DAYS", "days that a case is kept after it was last changed", 3650, 1, 36_500
)
CONTROLLER = env.text(
    "CONTROLLER",
    "who answers for the processing, with contact, joint controllers and representative: GDPR art. 30(1)(a)",
    "",
)
DATA_PROTECTION_OFFICER = env.text(
    "DATA_PROTECTION_OFFICER", "the data protection officer's name and contact, for the same record", ""
)
# A retraining on a handful of new cases tells nothing; the schedule waits for this many.
RETRAIN_AFTER_CASES = env.integer(
    "RETRAIN_AFTER_CASES", "newly confirmed cases that start the scheduled retraining", 50, 1, 1_000_000
)

# --- Encryption ------------------------------------------------------------------------------------------------

_KEYRING, _AWS_KMS = "apps.core.encryption.keyring.Keyring", "apps.core.encryption.aws.AwsKms"
KEY_PROVIDER = env.text("KEY_PROVIDER", "class that wraps the patients' keys", _KEYRING)
# A file is read again whenever it changes, so that keys come and go while requests do.
MASTER_KEYS_FILE = env.text("MASTER_KEYS_FILE", "file with what MASTER_KEYS may hold instead", "")
MASTER_KEYS = env.text(
    "MASTER_KEYS",
    "keys of 32 bytes that wrap the patients' keys, as id:base64, the current one first",
    env.REQUIRED if KEY_PROVIDER == _KEYRING else "",
)
try:
    if MASTER_KEYS:
        parse_keys(MASTER_KEYS)
except ValueError as error:
    raise ImproperlyConfigured(f"MASTER_KEYS: {error}") from None
KMS_KEY = env.text(
    "KMS_KEY",
    "id, alias (alias/name) or ARN of the key in AWS KMS that wraps from now on",
    env.REQUIRED if KEY_PROVIDER == _AWS_KMS else "",
)
INDEX_KEY = env.text(
    "INDEX_KEY", "the key by which pseudonyms are found; at least 32 random characters; never changed"
)
if len(INDEX_KEY) < 32:
    raise ImproperlyConfigured("INDEX_KEY is too short; it needs at least 32 random characters.")
MODEL_KEY = env.text("MODEL_KEY", "the key that signs registered models; at least 32 random characters")
if len(MODEL_KEY) < 32:
    raise ImproperlyConfigured("MODEL_KEY is too short; it needs at least 32 random characters.")

# --- Amazon's services, and those that speak as they do ---------------------------------------------------------

# For KMS as the key provider and for s3:// as the anchor or the ledger. What the machine itself offers (its role, say)
# is found without any of them.
env.for_libraries("AWS_DEFAULT_REGION", "region of KMS and S3")
env.for_libraries("AWS_ACCESS_KEY_ID", "access key, where the machine has no role of its own")
env.for_libraries("AWS_SECRET_ACCESS_KEY", "its secret")
env.for_libraries("AWS_ENDPOINT_URL_S3", "https://host of an object store that is not Amazon's and speaks S3")
env.for_libraries("AWS_CA_BUNDLE", "file of the authorities whose certificates these servers may have")

# --- People ----------------------------------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
    "guardian.backends.ObjectPermissionBackend",
]
ANONYMOUS_USER_NAME = None  # guardian's anonymous account: nobody is let in anonymously
GUARDIAN_RAISE_403 = False
LOGIN_URL = "accounts:sign-in"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "accounts:sign-in"
# Length and leaks count; rules of composition do not (NIST SP 800-63B-4, section 3.1.1.2).
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {
            "min_length": env.integer(
                "PASSWORD_LENGTH", "least number of characters of a password", 12, 8, 64
            )
        },
    },
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {
        "NAME": "apps.accounts.passwords.BreachedPasswordValidator",
        "OPTIONS": {
            "path": env.text("BREACHED_PASSWORDS", "file of SHA-1 digests of leaked passwords, sorted", "")
        },
    },
]
SESSION_IDLE_LIMIT = timedelta(
    minutes=env.integer("SESSION_IDLE_MINUTES", "minutes without a request that end a session", 15, 1, 720)
)
SESSION_LIMIT = timedelta(hours=env.integer("SESSION_HOURS", "hours after which a session ends", 12, 1, 72))
SESSION_COOKIE_AGE = int(SESSION_LIMIT.total_seconds())
REAUTHENTICATION_LIMIT = timedelta(minutes=5)  # a dangerous act asks again after that
EMERGENCY_MINUTES = env.integer(
    "EMERGENCY_MINUTES",
    "minutes that somebody outside the care team may see a patient in an emergency",
    60,
    1,
    60,
)
SECOND_FACTOR_LIMIT = timedelta(minutes=10)  # from the password to the second factor
SECOND_FACTOR_ROLES = env.words(
    "SECOND_FACTOR_ROLES",
    "roles that need a second factor; whoever administers, protects privacy or releases models always does",
)
# Nobody signs up here or proves an e-mail address; allauth's own pages are not among the addresses.
ACCOUNT_EMAIL_VERIFICATION = "none"
MFA_ADAPTER = "apps.accounts.mfa.SecondFactors"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes", "webauthn"]
MFA_TOTP_ISSUER = "Hoofbeat"
MFA_TOTP_TOLERANCE = 1  # steps of 30 s by which clocks may differ

# Locked for a while after so many failures (apps/accounts/lockout.py says what counts).
AXES_HANDLER = "apps.accounts.lockout.LockoutHandler"
AXES_USERNAME_CALLABLE = "apps.accounts.lockout.counted_name"
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"], "username"]
AXES_FAILURE_LIMIT = env.integer("LOCKOUT_FAILURES", "failed sign-ins that lock an account", 5, 2, 100)
AXES_COOLOFF_TIME = timedelta(
    minutes=env.integer("LOCKOUT_MINUTES", "minutes for which it stays locked", 15, 1, 24 * 60)
)
AXES_RESET_ON_SUCCESS = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_DISABLE_ACCESS_LOG = True  # the audit trail has it
AXES_ENABLE_ADMIN = False  # accounts are unlocked on their own list
AXES_VERBOSE = False
# Our own page answers somebody who is locked out; the library's middleware would replace it.
SILENCED_SYSTEM_CHECKS = ["axes.W002"]

# --- REST ------------------------------------------------------------------------------------------------------

MAX_BODY_BYTES = 1024 * 1024
MAX_UPLOAD_BYTES = (
    1024
    * 1024
    * env.integer(
        "UPLOAD_MEGABYTES", "MiB of a file with cases that a data scientist may upload", 200, 1, 4096
    )
)
IDEMPOTENCY_HOURS = env.integer(
    "IDEMPOTENCY_HOURS", "hours that an answer is kept for a request that is sent again", 24, 1, 168
)
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "apps.oauth.authentication.BearerAuthentication",
        "apps.accounts.authentication.TokenAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["apps.accounts.permissions.HasCapability"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["apps.core.parsers.StrictJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "config.openapi.ProblemSchema",
    "DEFAULT_THROTTLE_CLASSES": ["apps.accounts.throttling.CallerThrottle"],
    "DEFAULT_THROTTLE_RATES": {
        "caller": env.text("THROTTLE_RATE", "API requests a token may make", "1200/min"),
        "client": env.text("OAUTH_THROTTLE_RATE", "tokens an OAuth client may ask for", "60/min"),
    },
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "NUM_PROXIES": 0,  # who calls is known before (apps/core/proxies.py), as for the trail and the lock-out
    "EXCEPTION_HANDLER": "config.problems.api_exception_handler",
    "UNAUTHENTICATED_USER": None,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
KNOX_TOKEN_MODEL = "accounts.ApiToken"  # noqa: S105 - names a table
REST_KNOX = {
    "TOKEN_TTL": timedelta(days=env.integer("TOKEN_DAYS", "days that an API token is valid", 90, 1, 3650)),
    "AUTO_REFRESH": False,
    "TOKEN_MODEL": KNOX_TOKEN_MODEL,
}
# OAuth 2.0 as RFC 9700 wants it; what is not offered is refused even where a client was registered for it (ADR 34).
OAUTH2_PROVIDER_APPLICATION_MODEL = "oauth.Client"
OAUTH2_PROVIDER_GRANT_MODEL = "oauth.Grant"
OAUTH2_PROVIDER_ACCESS_TOKEN_MODEL = "oauth.AccessToken"  # noqa: S105 - names a table
OAUTH2_PROVIDER_REFRESH_TOKEN_MODEL = "oauth.RefreshToken"  # noqa: S105 - names a table
OAUTH_REFRESH_HOURS = env.integer(
    "OAUTH_REFRESH_HOURS", "hours for which an OAuth client that is not used stays connected", 12, 1, 720
)
OAUTH2_PROVIDER = {
    "OAUTH2_SERVER_CLASS": "apps.oauth.server.Server",
    "OAUTH2_VALIDATOR_CLASS": "apps.oauth.validator.Validator",
    "SCOPES_BACKEND_CLASS": "apps.oauth.scopes.CapabilityScopes",
    "ACCESS_TOKEN_EXPIRE_SECONDS": 60
    * env.integer("OAUTH_TOKEN_MINUTES", "minutes for which an OAuth access token opens anything", 10, 1, 60),
    "AUTHORIZATION_CODE_EXPIRE_SECONDS": 60,
    "REFRESH_TOKEN_EXPIRE_SECONDS": OAUTH_REFRESH_HOURS * 3600,
    "REFRESH_TOKEN_REUSE_PROTECTION": True,
    "PKCE_REQUIRED": True,
    "ALLOWED_REDIRECT_URI_SCHEMES": ["https"],
    "OAUTH2_GRANT_TYPES_SUPPORTED": ["authorization_code", "client_credentials", "refresh_token"],
    "OAUTH2_RESPONSE_TYPES_SUPPORTED": ["code"],
    "OAUTH2_TOKEN_ENDPOINT_AUTH_METHODS_SUPPORTED": ["client_secret_basic", "client_secret_post", "none"],
} | {
    f"COMPLIANT_BCP_RFC9700_{gate}": True
    for gate in (
        "IMPLICIT_GRANT", "PASSWORD_GRANT", "PKCE_METHOD", "ACCESS_TOKEN_TRANSPORT", "AUTHZ_RESPONSE_ISS",
        "TOKEN_STORAGE", "REFRESH_TOKEN", "REDIRECT_URI_SCHEME", "REDIRECT_URI_MATCHING", "PKCE_REQUIRED",
    )
}  # fmt: skip
SPECTACULAR_SETTINGS = {
    "TITLE": "Hoofbeat",
    "DESCRIPTION": "From a patient's findings, age and sex to a ranked differential diagnosis. "
    "The system advises; a clinician decides.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {"NoteStateEnum": ["present", "absent", "uncertain", "family"]},
}

# --- Alerts ----------------------------------------------------------------------------------------------------

ALERT_WINDOW_MINUTES = env.integer(
    "ALERT_WINDOW_MINUTES", "minutes over which denials and patients are counted", 10, 1, 1440
)
ALERT_DENIALS = env.integer(
    "ALERT_DENIALS", "denials of one account in that time that raise an alert", 20, 1, 1_000_000
)
ALERT_PATIENTS = env.integer(
    "ALERT_PATIENTS", "patients shown to one account in that time that raise an alert", 200, 1, 1_000_000
)
ALERT_SEALING_SECONDS = env.integer(
    "ALERT_SEALING_SECONDS", "seconds without a look of the sealer that raise an alert", 60, 10, 86_400
)
ALERT_QUIET_MINUTES = env.integer(
    "ALERT_QUIET_MINUTES", "minutes before the same is told again", 60, 1, 10_080
)
ALERT_EMAILS = env.words("ALERT_EMAILS", "addresses that get every alert, beside the privacy officers")
ALERT_WEBHOOK = env.url("ALERT_WEBHOOK", "URL that every alert is posted to", ("http", "https"), default="")
ALERT_WEBHOOK_KEY = env.text("ALERT_WEBHOOK_KEY", "key that signs what is posted there (HMAC-SHA256)", "")
METRICS_TOKEN = env.text(
    "METRICS_TOKEN",
    "bearer token for Prometheus at /metrics, at least 32 random characters; empty: no such page",
    "",
)
if METRICS_TOKEN and len(METRICS_TOKEN) < 32:
    raise ImproperlyConfigured("METRICS_TOKEN is too short; it needs at least 32 random characters.")
EMAIL_HOST = env.text("EMAIL_HOST", "SMTP server; without one no e-mail is sent", "")
EMAIL_PORT = env.integer("EMAIL_PORT", "port of the SMTP server", 587, 1, 65_535)
EMAIL_HOST_USER = env.text("EMAIL_USER", "account at the SMTP server", "")
EMAIL_HOST_PASSWORD = env.text("EMAIL_PASSWORD", "its password", "")
EMAIL_USE_TLS = env.flag("EMAIL_TLS", "speak TLS (STARTTLS) with the SMTP server", True)
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.text("EMAIL_FROM", "sender of e-mails", "hoofbeat@localhost")

# --- Work behind the scenes ------------------------------------------------------------------------------------

CELERY_BROKER_URL = BROKER_URL
CELERY_BROKER_USE_SSL = broker_options(BROKER_URL, BROKER_ROOT_CERTIFICATE) or None
CELERY_TASK_IGNORE_RESULT = True  # what a task did stands in its own row, which people can see
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
# A web request that queues work must fail at once when the broker is gone: the sweep picks the row up later.
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "socket_connect_timeout": 2,
    "socket_timeout": 30,
    "visibility_timeout": 3600,
}
CELERY_TASK_PUBLISH_RETRY = False
CELERY_BEAT_SCHEDULE = {
    "train what the broker lost": {"task": "lifecycle.resume_pending", "schedule": 60.0},
    "ingest what the broker lost": {"task": "datasets.resume_pending", "schedule": 60.0},
    "ingest what is due": {"task": "datasets.schedule_ingestions", "schedule": 600.0},
    "purge what the broker lost": {"task": "privacy.resume_pending", "schedule": 60.0},
    "erase what the broker lost": {"task": "privacy.resume_erasures", "schedule": 60.0},
    "retrain when something calls for it": {"task": "lifecycle.schedule_retraining", "schedule": 3600.0},
    "watch the running model": {"task": "lifecycle.watch_model", "schedule": 3600.0},
    "score in the shadow what the broker lost": {"task": "predictions.resume_shadow", "schedule": 300.0},
    "check what the broker lost": {"task": "lifecycle.resume_checks", "schedule": 60.0},
    "forget OAuth tokens that have expired": {"task": "oauth.forget_expired_tokens", "schedule": 3600.0},
    "forget answers that nobody asks for again": {"task": "core.forget_expired_answers", "schedule": 3600.0},
    # The privacy officer hears of an emergency access within a minute.
    "watch for what should alarm somebody": {"task": "alerts.watch", "schedule": 15.0},
    "make and forget patients' archives": {"task": "privacy.look_after_archives", "schedule": 60.0},
    "verify what the broker lost": {"task": "audit.resume_pending", "schedule": 60.0},
    "verify the audit trail": {"task": "audit.schedule_verification", "schedule": 24 * 3600.0},
    "delete what is past its retention": {"task": "privacy.schedule_purge", "schedule": 24 * 3600.0},
}

# --- Languages and times ---------------------------------------------------------------------------------------

LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("es", _("Spanish"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = env.text("TIME_ZONE", "time zone of the pages", "UTC")

# --- Static files ----------------------------------------------------------------------------------------------

STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = BASE_DIR / "staticfiles"
# Without a collected folder (`make run`, tests) the files are served from where the packages keep them.
WHITENOISE_USE_FINDERS = not STATIC_ROOT.is_dir()
WHITENOISE_AUTOREFRESH = False

# --- Security --------------------------------------------------------------------------------------------------

TLS = env.flag("TLS", "the site is served over TLS: secure cookies, HSTS, redirect to https", True)
SECURE_SSL_REDIRECT = TLS
TRUSTED_PROXIES = env.networks(
    "TRUSTED_PROXIES", "networks of the proxies whose X-Forwarded-For is believed, separated by commas"
)
SECURE_REDIRECT_EXEMPT = [r"^health/"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TLS else None
SECURE_HSTS_SECONDS = 31_536_000 if TLS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = TLS
SECURE_HSTS_PRELOAD = TLS
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_SECURE = TLS
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SECURE = TLS
CSRF_COOKIE_SAMESITE = "Lax"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}

# --- Logs ------------------------------------------------------------------------------------------------------

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name} {message}", "style": "{"}},
    "filters": {"typed": {"()": "apps.core.logs.TypedAddresses"}},
    "handlers": {
        "console": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["typed"]},
    },
    "root": {
        "handlers": ["console"],
        "level": env.choice(
            "LOG_LEVEL", "least level of the logs", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR")
        ),
    },
    "loggers": {
        # Each failed sign-in, and each refusal of a client, is an audit event.
        "axes": {"level": "ERROR"},
        "oauth2_provider": {"level": "ERROR"},
        # What it would say at DEBUG holds tokens.
        "oauthlib": {"level": "ERROR"},
        # What they would say at DEBUG holds patients' keys.
        "botocore": {"level": "INFO"},
        "aiobotocore": {"level": "INFO"},
    },
}
