"""Addresses of the pages."""

from django.urls import path

from apps.datasets import mapping_views, source_views, version_views

app_name = "datasets"
urlpatterns = [
    path("", source_views.Sources.as_view(), name="sources"),
    path("sources/add/", source_views.AddSource.as_view(), name="add-source"),
    path("sources/<uuid:source_id>/", source_views.SourcePage.as_view(), name="source"),
    path("sources/<uuid:source_id>/change/", source_views.ChangeSource.as_view(), name="change-source"),
    path("sources/<uuid:source_id>/ingest/", source_views.Ingest.as_view(), name="ingest"),
    path("sources/<uuid:source_id>/mapping/", mapping_views.Sample.as_view(), name="sample"),
    path("ingestions/<uuid:ingestion_id>/", version_views.IngestionPage.as_view(), name="ingestion"),
    path("ingestions/<uuid:ingestion_id>/cancel/", version_views.Cancel.as_view(), name="cancel"),
    path(
        "ingestions/<uuid:ingestion_id>/report.json",
        version_views.ReportDownload.as_view(),
        {"form": "json"},
        name="report-json",
    ),
    path(
        "ingestions/<uuid:ingestion_id>/report.md",
        version_views.ReportDownload.as_view(),
        {"form": "md"},
        name="report-markdown",
    ),
    path("ingestions/<uuid:ingestion_id>/rejected.csv", version_views.Rejected.as_view(), name="rejected"),
    path("versions/", version_views.Versions.as_view(), name="versions"),
    path("versions/<uuid:version_id>/", version_views.VersionPage.as_view(), name="version"),
    path("versions/<uuid:version_id>/decide/", version_views.Decide.as_view(), name="decide"),
    path("mappings/<uuid:draft_id>/", mapping_views.Draft.as_view(), name="draft"),
    path("mappings/<uuid:draft_id>/codes/", mapping_views.Codes.as_view(), name="codes"),
    path("mappings/<uuid:draft_id>/codes/<int:code_id>/", mapping_views.Code.as_view(), name="code"),
    path(
        "mappings/<uuid:draft_id>/confirm-exact/", mapping_views.ConfirmExact.as_view(), name="confirm-exact"
    ),
    path("mappings/<uuid:draft_id>/save/", mapping_views.Save.as_view(), name="save-mapping"),
    path(
        "mappings/<uuid:draft_id>/shape.yaml",
        mapping_views.Download.as_view(),
        {"part": "shape"},
        name="draft-shape",
    ),
    path(
        "mappings/<uuid:draft_id>/findings.sssom.tsv",
        mapping_views.Download.as_view(),
        {"part": "findings"},
        name="draft-findings",
    ),
    path(
        "mappings/<uuid:draft_id>/diagnoses.sssom.tsv",
        mapping_views.Download.as_view(),
        {"part": "diagnoses"},
        name="draft-diagnoses",
    ),
]
