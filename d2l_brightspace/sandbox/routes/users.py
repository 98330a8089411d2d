"""Users and roles (D2L's res/user.html)."""

from __future__ import annotations

from d2l_brightspace.sandbox import blocks
from d2l_brightspace.sandbox.paging import Block, by_id, paged_result_set
from d2l_brightspace.sandbox.problems import not_found
from d2l_brightspace.sandbox.routing import Call, Route
from d2l_brightspace.sandbox.world import User


def _who_am_i(call: Call) -> object:
    return blocks.who_am_i(call.world.users[call.world.caller_id])


def _users(call: Call) -> object:
    """Answer in one of three shapes; the order of the filters is D2L's."""
    org_defined_id = call.query.text("orgDefinedId")
    if org_defined_id is not None:
        return _matching(call, "org_defined_id", org_defined_id)
    user_name = call.query.text("userName")
    if user_name is not None:
        found = _matching(call, "user_name", user_name)
        if not found:
            raise not_found(f"There is no user named {user_name}")
        return found[0]
    email = call.query.text("externalEmail")
    if email is not None:
        return _matching(call, "email", email)
    rows = by_id(list(call.world.users.values()), _id, call.query.number("bookmark"))
    return paged_result_set(
        rows, call.page_size, _id, lambda row: blocks.user_data(call.world, row)
    )


def _user(call: Call) -> object:
    user = call.world.users.get(call.id("user"))
    if user is None:
        raise not_found(f"There is no user {call.id('user')}")
    return blocks.user_data(call.world, user)


def _roles(call: Call) -> object:
    return [blocks.role(role) for role in call.world.roles.values()]


def _matching(call: Call, field: str, value: str) -> list[Block]:
    wanted = value.lower()
    return [
        blocks.user_data(call.world, user)
        for user in call.world.users.values()
        if (getattr(user, field) or "").lower() == wanted
    ]


def _id(user: User) -> int:
    return user.user_id


ROUTES = (
    Route("GET", "lp", "users/whoami", "users:own_profile:read users:profile:read", _who_am_i),
    Route("GET", "lp", "users/", "users:userdata:read", _users),
    Route("GET", "lp", "users/{user}", "users:userdata:read", _user),
    Route("GET", "lp", "roles/", "role:detail:read", _roles),
)
