"""The progress bar that every long task uses, the drawer of the top bar, and the list of jobs."""

from pathlib import Path

from django.conf import settings
from django.core.paginator import Paginator
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from crm_suite.access.rules import requires
from crm_suite.jobs import services
from crm_suite.jobs.models import Job


@requires("jobs.view_job")
def job_list(request: HttpRequest) -> HttpResponse:
    page = Paginator(Job.objects.select_related("created_by"), 50).get_page(request.GET.get("page"))
    return render(request, "jobs/list.html", {"page": page})


@requires("jobs.view_job")
def job_panel(request: HttpRequest, pk: int) -> HttpResponse:
    """One progress bar; it asks again by itself until the job has ended, then tells the page (`job-ended`)."""
    job = get_object_or_404(Job, pk=pk)
    response = render(request, "jobs/_progress.html", {"job": job})
    if not job.is_open:
        response["HX-Trigger"] = "job-ended"
    return response


@requires("jobs.view_job")
def job_drawer(request: HttpRequest) -> HttpResponse:
    """The newest jobs, for the menu in the top bar."""
    jobs = Job.objects.order_by("-id")[:6]
    return render(request, "jobs/_drawer.html", {"jobs": jobs, "open": sum(job.is_open for job in jobs)})


@requires("jobs.cancel_job")
@require_POST
def job_cancel(request: HttpRequest, pk: int) -> HttpResponse:
    services.request_cancel(job=get_object_or_404(Job, pk=pk))
    return redirect("jobs:panel", pk=pk)


@requires("jobs.view_job")
def job_download(request: HttpRequest, pk: int) -> FileResponse:
    """The result file, for whoever asked for it: it may hold what others may not see. The path is ours."""
    job = get_object_or_404(Job.objects.of(request.user), pk=pk)
    path = Path(settings.MEDIA_ROOT) / job.result_file
    if not job.result_file or not path.is_file():
        raise Http404
    return FileResponse(path.open("rb"), as_attachment=True, filename=path.name)
