"""Templates: the list, the editor with its live preview, a test copy."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from campaigns import services
from campaigns.forms import TemplateForm, TestForm
from campaigns.models import Template
from campaigns.previews import people_to_show, preview
from campaigns.rendering import MERGE_FIELDS, check_template, links_in
from campaigns.selectors import templates_with_use
from campaigns.views.doorway import of_a_book, person, shown_book, told
from crm_suite.access.rules import requires
from crm_suite.lib.masking import mask_name
from customers.books import Book
from customers.models import Channel, Shop


@requires("campaigns.view_template")
def template_list(request: HttpRequest) -> HttpResponse:
    return render(request, "campaigns/template_list.html", {"templates": templates_with_use()})


@requires("campaigns.add_template")
@of_a_book
def template_new(request: HttpRequest, book: Book) -> HttpResponse:
    return _editor(request, book, None)


@requires("campaigns.change_template")
@of_a_book
def template_edit(request: HttpRequest, book: Book, pk: int) -> HttpResponse:
    return _editor(request, book, get_object_or_404(Template, pk=pk))


@requires("campaigns.view_template")
@require_POST
@of_a_book
def template_preview(request: HttpRequest, book: Book) -> HttpResponse:
    """What the text would look like for the chosen person, and what is wrong with it. Stores nothing."""
    channel = request.POST.get("channel", "")
    channel = channel if channel in Channel.values else Channel.EMAIL
    subject, body = request.POST.get("subject", ""), request.POST.get("body", "")
    people = {str(facts.customer_id): facts for facts in people_to_show(book)}
    copy = preview(
        channel=channel, subject=subject, body=body, shop=_shop(book), facts=people.get(request.POST.get("as", ""))
    )
    problems = check_template(body, channel=channel, subject=subject) if body.strip() else []
    context = {
        "copy": copy,
        "problems": problems,
        "channel": channel,
        "links": links_in(body),
        "is_blank": not body.strip(),
    }
    return render(request, "campaigns/_preview.html", context)


@requires("campaigns.change_template")
@require_POST
def template_test(request: HttpRequest, pk: int) -> HttpResponse:
    form = TestForm(request.POST)
    address = form.cleaned_data["address"] if form.is_valid() else ""
    with told(request, _("A test copy went to %(address)s.") % {"address": address}):
        services.send_test(template=get_object_or_404(Template, pk=pk), address=address, by=person(request))
    return redirect("campaigns:template_edit", pk=pk)


def _editor(request: HttpRequest, book: Book, template: Template | None) -> HttpResponse:
    form = TemplateForm(request.POST or None, instance=template)
    if request.method == "POST" and form.is_valid():
        saved = services.save_template(template=form.save(commit=False), by=person(request))
        messages.success(request, _("“%(name)s” is saved.") % {"name": saved.name})
        return redirect("campaigns:template_edit", pk=saved.pk)
    people = [(facts.customer_id, mask_name(facts.customer.name)) for facts in people_to_show(book)]
    context = {
        "form": form,
        "template": template,
        "people": people,
        "fields": MERGE_FIELDS.items(),
        "test_form": TestForm(),
    }
    return render(request, "campaigns/template_form.html", shown_book(book) | context)


def _shop(book: Book) -> Shop | None:
    return Shop.objects.filter(pk__in=book.shop_ids).order_by("id").first()
