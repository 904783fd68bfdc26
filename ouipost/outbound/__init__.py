"""All outgoing HTTP requests go through here: SSRF guard, total deadline, size limit, gateway."""

from ouipost.outbound.client import Answer, Client, gateway_url
from ouipost.outbound.errors import AnswerLost, Blocked, NotSent
from ouipost.outbound.guard import check_form, check_url

__all__ = ["Answer", "AnswerLost", "Blocked", "Client", "NotSent", "check_form", "check_url", "gateway_url"]
