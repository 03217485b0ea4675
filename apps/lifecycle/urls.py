"""Addresses of the pages."""

from django.urls import path

from apps.lifecycle import experiment_views, monitoring_views, release_views, shadow_views, views

app_name = "lifecycle"
urlpatterns = [
    path("", views.Models.as_view(), name="models"),
    path("<int:number>/", views.Card.as_view(), name="card"),
    path("<int:number>/card.md", views.CardDownload.as_view(), {"form": "md"}, name="card-markdown"),
    path("<int:number>/card.json", views.CardDownload.as_view(), {"form": "json"}, name="card-json"),
    path("experiments/", experiment_views.Experiments.as_view(), name="experiments"),
    path("experiments/new/", experiment_views.NewExperiment.as_view(), name="new-experiment"),
    path("experiments/<uuid:experiment_id>/", experiment_views.ExperimentPage.as_view(), name="experiment"),
    path(
        "experiments/<uuid:experiment_id>/progress/",
        experiment_views.ExperimentProgress.as_view(),
        name="experiment-progress",
    ),
    path(
        "experiments/<uuid:experiment_id>/cancel/",
        experiment_views.CancelExperiment.as_view(),
        name="cancel-experiment",
    ),
    path(
        "experiments/<uuid:experiment_id>/resume/",
        experiment_views.ResumeExperiment.as_view(),
        name="resume-experiment",
    ),
    path(
        "experiments/<uuid:experiment_id>/plots/<slug:plot>.png",
        experiment_views.Plot.as_view(),
        name="plot",
    ),
    path(
        "experiments/<uuid:experiment_id>/comparison.csv",
        experiment_views.ComparisonDownload.as_view(),
        {"form": "csv"},
        name="comparison-csv",
    ),
    path(
        "experiments/<uuid:experiment_id>/comparison.json",
        experiment_views.ComparisonDownload.as_view(),
        {"form": "json"},
        name="comparison-json",
    ),
    path("releases/", release_views.Releases.as_view(), name="releases"),
    path("releases/roll-back/", release_views.RollBack.as_view(), name="roll-back"),
    path("releases/end-canary/", release_views.EndCanary.as_view(), name="end-canary"),
    path("releases/stop/", release_views.StopAll.as_view(), name="stop"),
    path("releases/resume/", release_views.Resume.as_view(), name="resume"),
    path("<int:number>/propose/", release_views.Propose.as_view(), name="propose"),
    path("proposals/<uuid:proposal_id>/", release_views.ProposalPage.as_view(), name="proposal"),
    path("proposals/<uuid:proposal_id>/decide/", release_views.Decide.as_view(), name="decide"),
    path("monitoring/", monitoring_views.Monitoring.as_view(), name="monitoring"),
    path("monitoring/check/", monitoring_views.CheckNow.as_view(), name="check"),
    path("monitoring/state/", monitoring_views.CheckState.as_view(), name="check-state"),
    path("monitoring/reports.csv", monitoring_views.MonitoringExport.as_view(), name="monitoring-export"),
    path("monitoring/<uuid:report_id>/", monitoring_views.Report.as_view(), name="report"),
    path("shadow/", shadow_views.ShadowPage.as_view(), name="shadow"),
    path("shadow/end/", shadow_views.EndShadow.as_view(), name="end-shadow"),
    path("<int:number>/shadow/", shadow_views.BeginShadow.as_view(), name="begin-shadow"),
]
