"""Every address of the site."""

from django.contrib import admin
from django.urls import include, path

from apps.lifecycle.metrics_views import metrics
from apps.oauth.views import Metadata
from config import views

handler400 = "config.problems.bad_request"
handler403 = "config.problems.permission_denied"
handler404 = "config.problems.not_found"
handler500 = "config.problems.server_error"

urlpatterns = [
    path("", views.Home.as_view(), name="home"),
    path("health/live", views.live, name="health-live"),
    path("health/ready", views.ready, name="health-ready"),
    path("metrics", metrics, name="metrics"),
    path("language/", views.set_language, name="set-language"),
    path("account/", include("apps.accounts.urls")),
    path("oauth/", include("apps.oauth.urls")),
    path(".well-known/oauth-authorization-server", Metadata.as_view(), name="oauth-metadata"),
    path("cases/", include("apps.cases.urls")),
    path("", include("apps.predictions.urls")),
    path("knowledge/", include("apps.knowledge.urls")),
    path("data/", include("apps.datasets.urls")),
    path("models/", include("apps.lifecycle.urls")),
    path("audit/", include("apps.audit.urls")),
    path("retention/", include("apps.privacy.urls")),
    path("alerts/", include("apps.alerts.urls")),
    path("admin/", admin.site.urls),
    path("api/v1/", include("config.api")),
]
