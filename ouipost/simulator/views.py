"""The common entry of all networks: `/sandbox/<real host>/<real path>`."""

import io
from datetime import timedelta

from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.utils.http import http_date
from django.views.decorators.csrf import csrf_exempt
from PIL import Image, ImageDraw

from ouipost.simulator import call as calls
from ouipost.simulator import clock, faults, networks
from ouipost.simulator.call import Call, Network, Refusal, Route
from ouipost.simulator.models import Media, Request, Token

KEPT_REQUESTS = 50_000
PRUNE_EVERY = 1_000
TOKENS_KEPT = timedelta(days=30)
"""For this long an ended token is still recognized as ended, instead of unknown."""
SHOWN_TYPES = (
    "image/jpeg",
    "image/png",
    "image/gif",
    "image/webp",
    "image/bmp",
    "image/tiff",
    "video/mp4",
    "video/webm",
)


@csrf_exempt
def serve(request: HttpRequest, host: str, path: str) -> HttpResponseBase:
    """Answer as the network at this host would, or as an ordered fault says, dated by the simulator's clock; every
    request is logged."""
    network = networks.serving(host, path)
    if network is None:
        return JsonResponse({"error": f"The simulator knows no network at {host}{path}."}, status=404)
    call = calls.read(request, host=host, path=path, now=clock.now())
    call.account = network.identify(call)
    found = network.find(call)
    trouble = faults.meet(call, network, found[0] if found else None)
    response = work(call, network, found) if trouble.accepts else HttpResponse()
    log(call, network, trouble, response)
    answer = faults.answer(trouble, response, call)
    answer.headers.setdefault("Date", http_date(call.now.timestamp()))
    return answer


def work(call: Call, network: Network, found: tuple[Route, dict[str, str]] | None) -> HttpResponse:
    """Run the network's handler, and return its answer with its headers."""
    try:
        if found is None:
            raise network.not_found(call)
        route, parts = found
        network.admit(call, route)
        response = route.handler(call, **parts)
    except Refusal as refusal:
        response = refusal.response()
    for name, value in call.headers.items():
        response.headers.setdefault(name, value)
    return response


def log(call: Call, network: Network, trouble: faults.Trouble, response: HttpResponse) -> None:
    """Log the request and its answer, before a fault delays the answer."""
    status: int | None = response.status_code
    if trouble.silent:
        status = None
    elif trouble.shape and trouble.shape.effect == "status":
        status = trouble.shape.options["status"]
    row = Request.objects.create(
        network=network.id,
        account=call.account,
        method=call.method,
        host=call.host,
        path=call.path,
        status=status,
        fault=",".join(trouble.names),
        at=call.now,
    )
    if row.pk % PRUNE_EVERY == 0:
        Request.objects.filter(pk__lt=row.pk - KEPT_REQUESTS).delete()
        Media.objects.filter(used=False, expires_at__lt=call.now - timedelta(days=7)).delete()
        ended = call.now - TOKENS_KEPT
        Token.objects.filter(Q(expires_at__lt=ended) | Q(revoked_at__lt=ended)).delete()


def media(request: HttpRequest, pk: int) -> HttpResponse:
    """Show an uploaded file, as the permalink pages do."""
    found = Media.objects.filter(pk=pk).first()
    if found is None:
        raise Http404
    # uploads are untrusted: a page or a script must not run on our own address
    content_type = found.mime if found.mime in SHOWN_TYPES else "application/octet-stream"
    return HttpResponse(bytes(found.content), content_type=content_type, headers={"X-Content-Type-Options": "nosniff"})


def avatar(request: HttpRequest, seed: int) -> HttpResponse:
    """Draw the picture of an account: a mirrored pattern of its own."""
    image = Image.new("RGB", (120, 120), "#f2f4f7")
    draw = ImageDraw.Draw(image)
    colour = f"hsl({seed % 360}, 60%, 45%)"
    for cell in range(15):
        if seed >> cell & 1:
            column, row = cell % 3, cell // 3
            for x in {column, 4 - column}:
                draw.rectangle((10 + x * 20, 10 + row * 20, 29 + x * 20, 29 + row * 20), fill=colour)
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return HttpResponse(buffer.getvalue(), content_type="image/png")
