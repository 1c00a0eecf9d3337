"""Settings of every process. What differs between installations comes from the environment (see .env.example)."""

import secrets
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from csp.constants import NONE, SELF, UNSAFE_INLINE
from django.utils.translation import gettext_lazy as _
from kombu import Queue

from crm_suite import env
from crm_suite.embedded import places
from crm_suite.logs import logging_settings

BASE_DIR = Path(__file__).resolve().parent.parent
# Data of the embedded servers, uploads, result files, stamps: everything that is not code.
CRM_VAR = env.folder("CRM_VAR", BASE_DIR / "var")

DEBUG = env.boolean("CRM_DEBUG", False)

# Where people and mail readers reach us; tracking and unsubscribe links start with it.
SITE_URL = env.url("SITE_URL", "http://127.0.0.1:8000", schemes={"http", "https"})
_site = urlsplit(SITE_URL)
HTTPS = _site.scheme == "https"


def _secret_key() -> str:
    """The given key; on one's own machine a generated one, kept so that sessions and links outlive a restart."""
    if given := env.text("SECRET_KEY"):
        return given
    if HTTPS:
        raise env.EnvironmentProblem("SECRET_KEY must be set when SITE_URL is public (https://…).")
    path = CRM_VAR / "secret_key"
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("x") as file:
            path.chmod(0o600)
            file.write(secrets.token_urlsafe(50))
    except FileExistsError:
        pass
    return path.read_text()


SECRET_KEY = _secret_key()
# Keys of before: what they sealed or signed can still be read.
SECRET_KEY_FALLBACKS = env.words("SECRET_KEY_FALLBACKS")

# The loopback always: health checks of containers come from there.
ALLOWED_HOSTS = [_site.hostname or "localhost", "localhost", "127.0.0.1", "[::1]", *env.words("ALLOWED_HOSTS")]
CSRF_TRUSTED_ORIGINS = [f"{_site.scheme}://{_site.netloc}", *env.words("CSRF_TRUSTED_ORIGINS")]

ROOT_URLCONF = "crm_suite.urls"
WSGI_APPLICATION = "crm_suite.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "crm_suite",
    "crm_suite.access",
    "crm_suite.jobs",
    "crm_suite.pages",
    "crm_suite.demo",
    "customers",
    "orders",
    "touchpoints",
    "segmentation",
    "campaigns",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.humanize",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "rest_framework",
    "knox",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "drf_standardized_errors",
    "django_filters",
    "django_htmx",
    "crispy_forms",
    "crispy_bootstrap5",
    "csp",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    # Needs the person, whose language goes before the browser's.
    "crm_suite.access.middleware.UserPreferences",
    "allauth.account.middleware.AccountMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "crm_suite.access.middleware.PermissionRequired",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    # Next to the view: what it does and what is remembered of it are one transaction.
    "crm_suite.access.middleware.OnceByKey",
]

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

# --- data -------------------------------------------------------------------------------------------------------------

DATABASES = {"default": env.database("DATABASE_URL", places.database_url(CRM_VAR))}
DATABASES["default"] |= {"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}

# Customers per range of a full analysis: bounds its memory, and is what workers share out between them.
ANALYSIS_RANGE = env.integer("ANALYSIS_RANGE", 50_000, minimum=1)

REDIS_SCHEMES = {"redis", "rediss", "unix"}
REDIS_URL = env.url("REDIS_URL", places.redis_url(CRM_VAR), schemes=REDIS_SCHEMES)


def _cache_url() -> str:
    """Database 1 beside the broker's 0: clearing a cache empties its whole database."""
    if REDIS_URL.startswith("unix:"):
        return REDIS_URL.replace("db=0", "db=1")
    return urlsplit(REDIS_URL)._replace(path="/1").geturl()


CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": env.url("CACHE_URL", _cache_url(), schemes=REDIS_SCHEMES),
        "KEY_PREFIX": "crm",
    }
}

MEDIA_ROOT = CRM_VAR / "files"
# Megabytes that uploaded import files may take together.
IMPORT_QUOTA_MB = env.integer("IMPORT_QUOTA_MB", 5000, minimum=1)
# Days after which uploaded import files, and files of long exports, are deleted; 0 keeps them.
IMPORT_KEEP_DAYS = env.integer("IMPORT_KEEP_DAYS", 30)
EXPORT_KEEP_DAYS = env.integer("EXPORT_KEEP_DAYS", 7)
# Larger uploads go to a file at once instead of memory.
FILE_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
FILE_UPLOAD_PERMISSIONS = 0o600
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024

# --- language and time ------------------------------------------------------------------------------------------------

LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("zh-hans", _("Simplified Chinese"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = "UTC"
USE_TZ = True

# --- files of the pages -----------------------------------------------------------------------------------------------

STATIC_URL = "static/"
STATIC_ROOT = env.folder("CRM_STATIC_ROOT", CRM_VAR / "static")
STATICFILES_DIRS = [BASE_DIR / "static"]
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.FileSystemFinder",
    "crm_suite.staticfiles.AppFinder",
    "crm_suite.staticfiles.PackageFinder",
]
# What installed apps bring and no page asks for; compressing it would be most of the time of collectstatic.
STATIC_UNUSED = ["rest_framework", "redoc", "django_htmx", "themes", "swagger-ui-es-*", "*.map"]
# Ready-made files of the packages in package.json, by the address at which templates ask for them. The packages hold
# thousands more (sources, maps, variants); what is not named here is neither found nor collected.
STATIC_PACKAGES = {
    "vendor/tabler": ("@tabler/core/dist", ["css/tabler.min.css", "js/tabler.min.js"]),
    "vendor/htmx": ("htmx.org/dist", ["htmx.min.js"]),
    "vendor/echarts": ("echarts/dist", ["echarts.min.js"]),
    "vendor/icons": ("bootstrap-icons/font", ["bootstrap-icons.min.css", "fonts/*"]),
    "vendor/tom-select": (
        "tom-select/dist",
        ["css/tom-select.bootstrap5.min.css", "js/tom-select.complete.min.js"],
    ),
}
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "crm_suite.staticfiles.Storage"},
}
WHITENOISE_KEEP_ONLY_HASHED_FILES = True

# --- people -----------------------------------------------------------------------------------------------------------

AUTH_USER_MODEL = "access.User"
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "account_login"

ACCOUNT_ADAPTER = "crm_suite.access.adapters.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
# People are invited by an owner, who vouches for the address.
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = False
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_DEFAULT_HTTP_PROTOCOL = _site.scheme
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes", "webauthn"]
MFA_TOTP_ISSUER = "CRM Suite"
# Browsers offer passkeys over plain http on this very machine only.
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not HTTPS

SESSION_COOKIE_AGE = 12 * 60 * 60
# Twelve hours without a click end a session; every request starts them anew.
SESSION_SAVE_EVERY_REQUEST = True
# Cookies know no ports: two copies on one machine would log each other out without the port in the name.
SESSION_COOKIE_NAME = "__Host-session" if HTTPS else f"crm_session_{_site.port or 80}"
CSRF_COOKIE_NAME = "__Host-csrf" if HTTPS else f"crm_csrf_{_site.port or 80}"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = HTTPS
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = LANGUAGE_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = LANGUAGE_COOKIE_SAMESITE = "Lax"
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"

# --- the open web -----------------------------------------------------------------------------------------------------

SECURE_SSL_REDIRECT = HTTPS
# Health checks of containers and load balancers come by plain http from next door.
SECURE_REDIRECT_EXEMPT = [r"^livez$", r"^readyz$"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
SECURE_HSTS_SECONDS = env.integer("HSTS_SECONDS", 31_536_000) if HTTPS else 0
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
# Neighbours on the same domain are not ours to promise HTTPS for (W005), nor to enter into browsers' lists (W021).
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF],
        "style-src": [SELF],
        # Charts place their boxes by style attributes.
        "style-src-attr": [UNSAFE_INLINE],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "frame-src": [SELF],
        "frame-ancestors": [NONE],
        "form-action": [SELF],
        "base-uri": [SELF],
        "object-src": [NONE],
    }
}

# --- the API ----------------------------------------------------------------------------------------------------------

KNOX_TOKEN_MODEL = "access.ApiToken"  # noqa: S105  a model, no secret
# Our token takes the place of the library's, whose migrations would make a table that nobody uses.
MIGRATION_MODULES = {"knox": None}
REST_KNOX = {"TOKEN_PREFIX": "crm_", "TOKEN_TTL": None, "AUTO_REFRESH": False, "AUTH_HEADER_PREFIX": "Bearer"}
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "crm_suite.access.api.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["crm_suite.access.api.HasScope"],
    "DEFAULT_PAGINATION_CLASS": "crm_suite.lib.paging.CursorPaging",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_standardized_errors.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "crm_suite.lib.problems.exception_handler",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
DRF_STANDARDIZED_ERRORS = {"EXCEPTION_FORMATTER_CLASS": "crm_suite.lib.problems.ProblemFormatter"}
SPECTACULAR_SETTINGS = {
    "TITLE": "CRM Suite",
    "DESCRIPTION": "Customers, orders, touchpoints, segments, campaigns and jobs of one store.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": r"/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "OrderState": "orders.models.Order.State",
        "CampaignState": "campaigns.models.Campaign.State",
        "JobState": "crm_suite.jobs.models.Job.State",
        "SpendKind": "segmentation.models.SpendEntry.Kind",
        "CampaignWait": "campaigns.models.Campaign.Wait",
        "Medium": "campaigns.models.Medium",
        "Channel": "customers.models.Channel",
    },
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
}

CRISPY_ALLOWED_TEMPLATE_PACKS = CRISPY_TEMPLATE_PACK = "bootstrap5"

# --- providers --------------------------------------------------------------------------------------------------------

SMTP_URL = env.url("SMTP_URL", "", schemes={"smtp", "smtps"})
SMS_URL = env.url("SMS_URL", "", schemes={"http", "https"})
# Where the simulator that `up` starts shows what it received; empty on a real installation.
SIMULATOR_URL = env.url("SIMULATOR_URL", "", schemes={"http"})
# Behind which channels it stands: only there may the invented customers of the demo shop be written to.
SIMULATED_CHANNELS = env.words("SIMULATED_CHANNELS")

# Mail of the product itself (password resets) takes the same road as campaigns.
_smtp = urlsplit(SMTP_URL)
EMAIL_HOST = _smtp.hostname or "localhost"
EMAIL_PORT = _smtp.port or (465 if _smtp.scheme == "smtps" else 25)
EMAIL_HOST_USER = unquote(_smtp.username or "")
EMAIL_HOST_PASSWORD = unquote(_smtp.password or "")
EMAIL_USE_SSL = _smtp.scheme == "smtps"
EMAIL_USE_TLS = not EMAIL_USE_SSL and parse_qs(_smtp.query).get("tls") == ["1"]
EMAIL_TIMEOUT = 20  # seconds
DEFAULT_FROM_EMAIL = env.text("DEFAULT_FROM_EMAIL", f"crm@{_site.hostname}")

# --- tasks ------------------------------------------------------------------------------------------------------------

# kombu has a word of its own for a Unix socket.
CELERY_BROKER_URL = REDIS_URL.replace("unix://", "redis+socket://").replace("?db=", "?virtual_host=")
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
# A message taken by a worker that died comes back after this many seconds; nothing of worth waits only for that.
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 300, "socket_timeout": 30, "socket_connect_timeout": 5,
    # Without a broker a page goes on at once: the row is queued, and the next tick tells a worker.
    "max_retries": 1, "interval_start": 0, "interval_step": 0.1,
}  # fmt: skip
CELERY_TASK_SERIALIZER = CELERY_RESULT_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
# A wake-up that cannot be published now is repeated by the next tick; a page must not wait for the broker.
CELERY_TASK_PUBLISH_RETRY = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TASK_ANNOTATIONS = ["crm_suite.celery.DeliveryLimit"]
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_CREATE_MISSING_QUEUES = False
CELERY_TASK_QUEUES = [Queue(name) for name in ("imports", "analysis", "delivery", "default")]
CELERY_TASK_ROUTES = {
    "orders.tasks.*": {"queue": "imports"},
    "segmentation.tasks.*": {"queue": "analysis"},
    "customers.tasks.find_duplicates": {"queue": "analysis"},
    "campaigns.tasks.*": {"queue": "delivery"},
}
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULE_FILENAME = str(CRM_VAR / "beat-schedule")


def _every(seconds: int, task: str) -> dict[str, object]:
    """Each tick asks the database what is due. One that waited until the next came is dropped."""
    return {"task": task, "schedule": seconds, "options": {"expires": seconds}}


CELERY_BEAT_SCHEDULE = {
    "send what is due": _every(10, "campaigns.tasks.tick"),
    "forget old news": _every(3600, "campaigns.tasks.forget_news"),
    "nightly analysis": _every(600, "segmentation.tasks.nightly"),
    "fit value models": _every(120, "segmentation.tasks.fit_value"),
    "touched customers": _every(300, "segmentation.tasks.touched"),
    "count growth": _every(120, "segmentation.tasks.count_growth"),
    "nightly points and tiers": _every(600, "orders.tasks.nightly_programme"),
    "count baskets": _every(3600, "segmentation.tasks.count_baskets"),
    "keep tags": _every(3600, "segmentation.tasks.keep_tags"),
    "daily data quality": _every(3600, "orders.tasks.nightly_quality"),
    "forget old uploads": _every(3600, "orders.tasks.forget_old_uploads"),
    "forget old results": _every(3600, "crm_suite.jobs.tasks.forget_results"),
    "forget old answers": _every(3600, "crm_suite.access.tasks.forget_answers"),
    "find duplicates": _every(600, "customers.tasks.find_duplicates"),
    "sweep jobs": _every(30, "crm_suite.jobs.tasks.sweep"),
}

# --- logs -------------------------------------------------------------------------------------------------------------

LOG_FORMAT = env.choice("LOG_FORMAT", "text", {"text", "json"})
LOGGING = logging_settings(
    form=LOG_FORMAT, level=env.choice("LOG_LEVEL", "INFO", {"DEBUG", "INFO", "WARNING", "ERROR"})
)
