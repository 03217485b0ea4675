"""Addresses of the pages."""

from django.urls import path

from apps.privacy import (
    access_report_views,
    archive_views,
    erasure_views,
    hold_views,
    processing_views,
    research_views,
    views,
)

app_name = "privacy"
urlpatterns = [
    path("processing/", processing_views.ProcessingPage.as_view(), name="processing"),
    path("processing/export/", processing_views.ProcessingExport.as_view(), name="processing-export"),
    path("", views.Retention.as_view(), name="retention"),
    path("limits/", views.RetentionLimits.as_view(), name="limits"),
    path("runs/", views.RetentionRuns.as_view(), name="runs"),
    path("delete/", views.DeleteDue.as_view(), name="delete"),
    path("access-reports/", access_report_views.AccessReports.as_view(), name="access-reports"),
    path(
        "access-reports/<uuid:patient_id>/",
        access_report_views.AccessReport.as_view(),
        name="access-report",
    ),
    path(
        "access-reports/<uuid:patient_id>/export.csv",
        access_report_views.AccessReportCsv.as_view(),
        name="access-report-csv",
    ),
    path(
        "access-reports/<uuid:patient_id>/export.json",
        access_report_views.AccessReportJson.as_view(),
        name="access-report-json",
    ),
    path(
        "access-reports/<uuid:patient_id>/archives/",
        archive_views.MakeArchive.as_view(),
        name="make-archive",
    ),
    path("archives/<uuid:archive_id>/", archive_views.ArchivePage.as_view(), name="archive"),
    path(
        "archives/<uuid:archive_id>/download/",
        archive_views.ArchiveDownload.as_view(),
        name="archive-download",
    ),
    path("holds/", hold_views.Holds.as_view(), name="holds"),
    path("holds/patients/<uuid:patient_id>/", hold_views.PatientHolds.as_view(), name="patient-holds"),
    path("holds/<uuid:hold_id>/lift/", hold_views.LiftHold.as_view(), name="lift-hold"),
    path("research/", research_views.Research.as_view(), name="research"),
    path("research/<uuid:export_id>/", research_views.ResearchExportPage.as_view(), name="research-export"),
    path(
        "research/<uuid:export_id>/download/",
        research_views.ResearchDownload.as_view(),
        name="research-download",
    ),
    path("erasures/", erasure_views.Erasures.as_view(), name="erasures"),
    path("erasures/patients/<uuid:patient_id>/", erasure_views.Erase.as_view(), name="erase"),
    path("erasures/<uuid:erasure_id>/", erasure_views.Receipt.as_view(), name="receipt"),
]
