"""Adds to the OpenAPI description what drf-spectacular cannot see: the envelope, the errors, and common headers."""

from copy import deepcopy
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension, OpenApiSerializerExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent, force_instance
from drf_spectacular.utils import Direction, OpenApiParameter
from rest_framework.fields import empty
from rest_framework.permissions import SAFE_METHODS
from rest_framework.serializers import CharField, FileField, JSONField, ListField, ModelSerializer, Serializer

from ouipost.api.problems import PROBLEM_TYPE
from ouipost.api.vocabulary import (
    ALLOWANCE,
    BOOLEAN,
    CODES,
    DETAILS,
    ERROR,
    ID,
    IDEMPOTENCY_KEY,
    JSON_TYPE,
    LOCATION,
    MESSAGE,
    NAMES,
    OBJECT,
    PREFER,
    PROBLEM,
    REPLAYED,
    REQUEST_ID,
    RETRY_AFTER,
    SIGNED,
    STRINGS,
    TEXT,
    WAITED,
    WARNINGS,
    WORKSPACE_ID,
    Schema,
)

CHANGES = ("update", "partial_update")


class EnvelopeSchema(AutoSchema):
    """Describes the views of this API, each an ApiViewSet; `@extend_schema` overrides apply inside the envelope."""

    view: Any

    def get_operation(self, *args: Any, **kwargs: Any) -> Any:
        """Describe a call, with the first line as its summary, and with empty `security` if it takes no credential."""
        operation = super().get_operation(*args, **kwargs)
        if operation:
            words = self._with_names(operation["description"])
            summary, _, _ = words.partition("\n")
            operation |= {"description": words, "summary": summary.rstrip(".")}
            operation.setdefault("security", [])
        return operation

    def _with_names(self, words: str) -> str:
        for plain, name in (("the rows", "resources"), ("one row", "resource")):
            if named := getattr(self.view, name, ""):
                words = words.replace(plain, f"{plain.split()[0]} {named}")
        return words

    def get_operation_id(self) -> str:
        """Name a call after its address, with a verb only if the address does not imply it."""
        name: str = super().get_operation_id()
        if self.path.endswith("}"):
            return name
        return name if self.view.action == "create" else name.removesuffix("_create").removesuffix("_retrieve")

    def get_override_parameters(self) -> list[Any]:
        parameters = list(super().get_override_parameters())
        if self.view.needs_workspace:
            parameters.append(WORKSPACE_ID)
        if self._takes_idempotency_key():
            parameters.append(IDEMPOTENCY_KEY)
        if self.view.action in self.view.answers_anew:
            parameters.append(PREFER)
        names = self.view.query_parameters.get(self.view.action, ())
        return parameters + [OpenApiParameter(name, str, OpenApiParameter.QUERY) for name in names]

    def get_request_serializer(self) -> Any:
        action, input_class = self.view.action, self.view.input_class
        if input_class is None or action not in ("create", *CHANGES):
            return None
        return input_class(partial=action in CHANGES)

    def _get_request_for_media_type(self, serializer: Any, direction: Direction = "request") -> Any:
        """Describe a PATCH's body like a PUT's, since both are the same call: partial if the input is."""
        # The library makes every PATCH partial, with no setting for it, and its hooks have no types.
        method, self.method = self.method, "PUT" if self.method == "PATCH" else self.method
        try:
            return super()._get_request_for_media_type(serializer, direction)  # type: ignore[no-untyped-call]
        finally:
            self.method = method

    def get_response_serializers(self) -> Any:
        if self.method == "DELETE":
            return {"200": MESSAGE}
        row_class = None if self.view.action == "list" else self.view.detail_class
        return row_class or self.view.serializer_class or {"200": OBJECT}

    def _get_paginator(self) -> Any:
        paginator = super()._get_paginator()  # type: ignore[no-untyped-call]
        if hasattr(paginator, "configure"):
            self._component(paginator.pagination_name, paginator.pagination_schema)
            return paginator.configure(self.view)
        return paginator

    def get_paginated_name(self, serializer_name: str) -> str:
        """Name a list's schema by its resource: two lists may show the same rows, one of them without pages."""
        words = str(getattr(self.view, "resources", serializer_name)).replace("_", " ").title().replace(" ", "")
        return f"{words}List" if self.view.paging_optional else f"{words}Page"

    def _get_response_for_code(
        self, serializer: Any, status_code: str, media_types: Any = None, direction: Direction = "response"
    ) -> Schema:
        response: Schema = super()._get_response_for_code(serializer, status_code, media_types, direction)  # type: ignore[no-untyped-call]
        response["description"] = response["description"] or CODES.get(int(status_code), "")
        content: Schema = response.get("content", {}).get(JSON_TYPE)
        if content:  # refusals get theirs later
            data = content["schema"]
            resource = self._resource(serializer)
            if resource:
                data = {"type": "object", "properties": {resource: data}, "required": [resource]}
            if extra := self._extra_fields():
                always = [name for name in extra if name not in WARNINGS]
                data = data | {"properties": data["properties"] | extra, "required": data["required"] + always}
            content["schema"] = {
                "type": "object",
                "properties": {"success": {**BOOLEAN, "description": "true"}, "data": data},
                "required": ["success", "data"],
            }
        return response

    def _get_response_bodies(self, direction: Direction = "response") -> Schema:
        responses: Schema = super()._get_response_bodies(direction)
        self._component("ErrorDetails", DETAILS)
        forms = {JSON_TYPE: ("Error", ERROR), PROBLEM_TYPE: ("Problem", PROBLEM)}
        for status in self._failures():
            content = {kind: {"schema": self._component(*form)} for kind, form in forms.items()}
            responses.setdefault(str(status), {"description": CODES[status], "content": content})
        for code, response in responses.items():
            response["headers"] = self._headers(int(code))
        return responses

    def _component(self, name: str, schema: Schema) -> Schema:
        """Register a schema as a named component, and return a reference to it."""
        named = ResolvedComponent(name=name, type=ResolvedComponent.SCHEMA, schema=deepcopy(schema), object=name)
        self.registry.register_on_missing(named)
        return dict(named.ref)

    def _headers(self, status: int) -> Schema:
        """Return the headers of an answer; only calls with an API key have the rate-limit headers."""
        headers = REQUEST_ID | (RETRY_AFTER if status in (409, 429, 503) else {})
        if self.view.action in self.view.answers_anew and status < 300:
            headers |= WAITED
        if status == 202:
            headers |= LOCATION
        if self.path.startswith("/api/"):
            headers |= ALLOWANCE
        if (status < 300 or status in (409, 422)) and self._takes_idempotency_key():
            headers |= REPLAYED
        return headers

    def _takes_idempotency_key(self) -> bool:
        return self.method not in SAFE_METHODS and bool(self.view.takes_idempotency_key)

    def _resource(self, serializer: Any) -> str:
        """Return the key of the row in `data`; empty if the serializer describes `data` as a whole."""
        shown = force_instance(serializer)
        if not isinstance(shown, Serializer) or self._is_list_view(shown):
            return ""
        named = getattr(shown, "resource", None)
        return str(getattr(self.view, "resource", "") if named is None else named)

    def _extra_fields(self) -> Schema:
        """Return the action's `extra_fields`; a PATCH has those of a PUT."""
        action = "update" if self.view.action in CHANGES else self.view.action
        return dict(self.view.extra_fields.get(action, {}))

    def _failures(self) -> list[int]:
        failures = {400, 406, 500, 503}
        failures |= {401, 403, 429} if self.view.get_authenticators() else set(getattr(self.view, "refuses_with", ()))
        is_of_rows = "{" in self.path or self.view.needs_workspace
        if is_of_rows or (self.path.startswith("/api/") and self._takes_idempotency_key()):  # the row of a repeat
            failures.add(404)
        if self.method not in SAFE_METHODS:
            failures |= {409, 413, 415, 422}
        return sorted(failures)


class ShownSchema(OpenApiSerializerExtension):
    """Lists the required fields of every answer: all but those declared with `required=False`."""

    target_class = "rest_framework.serializers.Serializer"
    match_subclasses = True
    priority = -1

    def map_serializer(self, auto_schema: AutoSchema, direction: Direction) -> Schema:
        shown = force_instance(self.target)
        schema: Schema = auto_schema._map_serializer(shown, direction, bypass_extensions=True)
        described = schema.get("properties", {})
        declared = shown._declared_fields
        optional = {name: field for name, field in declared.items() if not field.required and not field.read_only}
        at_times = {name for name, field in optional.items() if field.default is empty}
        for name in described.keys() - declared.keys() if isinstance(shown, ModelSerializer) else ():
            if isinstance(shown.fields[name], JSONField):
                described[name] |= STRINGS if shown.Meta.model._meta.get_field(name).default is list else OBJECT
        properties = {name: _as_shown(each) for name, each in described.items()}
        return {**schema, "properties": properties, "required": sorted(described.keys() - at_times)}


def _as_shown(described: Schema) -> Schema:
    """Describe a field of an answer without `readOnly`, as client generators would make a second type for it."""
    shown = {key: value for key, value in described.items() if key != "readOnly"}
    return shown["allOf"][0] if list(shown) == ["allOf"] else shown


class StrictInputSchema(OpenApiSerializerExtension):
    """Describes inputs with the minimum length of texts; beside their own fields they allow those that a GET shows."""

    target_class = "ouipost.api.inputs.StrictInput"
    match_subclasses = True

    def map_serializer(self, auto_schema: AutoSchema, direction: Direction) -> Schema:
        schema: Schema = auto_schema._map_serializer(self.target, direction, bypass_extensions=True)
        taken = force_instance(self.target)
        properties: Schema = schema.get("properties", {})
        for name, described in properties.items():
            _say_least(taken.fields[name], described)
            if isinstance(taken.fields[name], FileField):
                described["format"] = "binary"
        sent_back = {name: {"readOnly": True} for name in (*taken.shown, *taken.guarded)}
        return {**schema, "properties": sent_back | properties, "additionalProperties": False}


def _say_least(field: Any, described: Schema) -> None:
    """Set a minimum length of 1 for a text that may not be empty, and for such texts in a list."""
    if isinstance(field, ListField):
        _say_least(field.child, described.get("items", {}))
    elif isinstance(field, CharField) and not field.allow_blank and "type" in described:
        described.setdefault("minLength", 1)


def complete(result: Schema, generator: Any, **_: Any) -> Schema:
    """Add the types of webhook payloads, which spectacular describes after it has listed the types."""
    return result | {"components": generator.registry.build({})}


def finished(result: Schema, generator: Any, **_: Any) -> Schema:
    """Add what spectacular leaves out of webhooks, refusals and parameters, and replace its type `Null` with null."""
    for event, calls in result.get("webhooks", {}).items():
        calls["post"] |= {"operationId": f"on_{event.replace('.', '_')}", "parameters": SIGNED, "security": []}
    schemas = result["components"]["schemas"]
    if "Issue" in schemas:
        schemas["ErrorDetails"]["properties"]["issues"]["items"] = {"$ref": "#/components/schemas/Issue"}
    named = {tuple(sorted(each["enum"])): name for name, each in schemas.items() if "enum" in each}
    for parameter in _parameters(result):
        if parameter["in"] == "path":
            parameter["schema"] = ID  # each parameter in a path is an id; any other text is not found
        if parameter["in"] == "query" and parameter["schema"] == TEXT:
            parameter["schema"] = {**TEXT, "minLength": 1}  # an empty value is refused
        if name := named.get(tuple(parameter["schema"].get("enum", ()))):
            parameter["schema"] = {"$ref": f"#/components/schemas/{name}"}
    if schemas.pop("Null", None):
        _replace(schemas, {"$ref": "#/components/schemas/Null"}, {"type": "null"})
    _share(result)
    return result


def _share(result: Schema) -> None:
    """Move headers and refusals into shared components: most calls have the same, and a tenth of the text is left."""
    headers: Schema = {}
    refusals: Schema = {}
    for answers in [call["responses"] for call in _calls(result)]:
        for status, answer in answers.items():
            headers |= answer["headers"]
            answer["headers"] = {name: {"$ref": f"#/components/headers/{name}"} for name in answer["headers"]}
            name = NAMES.get(int(status))
            if name and refusals.setdefault(name, answer) == answer:
                answers[status] = {"$ref": f"#/components/responses/{name}"}
    result["components"] |= {"headers": headers, "responses": refusals}


def _parameters(result: Schema) -> list[Schema]:
    return [parameter for call in _calls(result) for parameter in call.get("parameters", ())]


def _calls(result: Schema) -> list[Schema]:
    return [call for address in result["paths"].values() for call in address.values()]


def _replace(described: Any, old: Schema, new: Schema) -> None:
    for key, each in described.items() if isinstance(described, dict) else enumerate(described):
        if each == old:
            described[key] = new
        elif isinstance(each, (dict, list)):
            _replace(each, old, new)


class TokenScheme(OpenApiAuthenticationExtension):
    """The token of an administrator."""

    target_class = "adminapi.sessions.authentication.SessionAuthentication"
    name = "Token"

    def get_security_definition(self, auto_schema: AutoSchema) -> Schema:
        return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}


class HealthScheme(TokenScheme):
    """The token of an administrator, or METRICS_TOKEN."""

    target_class = "adminapi.monitoring.callers.HealthAuthentication"
    name = "HealthToken"


class KeyScheme(OpenApiAuthenticationExtension):
    """The API key."""

    target_class = "workspaces.keys.authentication.KeyAuthentication"
    name = "ApiKey"

    def get_security_definition(self, auto_schema: AutoSchema) -> Schema:
        return {"type": "apiKey", "in": "header", "name": "X-API-Key"}
