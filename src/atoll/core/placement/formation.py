"""Form a node's cluster from what its drives say: who belongs, who is blank, who is refused.

Pure: identities in, a plan out. Owns the rules for first start, replacement, foreign drives,
clones and rewound snapshots.

First start no path has an identity of a formed cluster: every path becomes a drive of a new one. A
            crash in the middle of a first start leaves identities that are not formed; they hold
            nothing and are made anew, under the same drive ids.
Blank       a path without identity takes the place of a member that is not there, under a new
            drive id and a new epoch.
            Where its metadata path still holds the database of the member it replaces, that one is
            set aside. The database of any other drive is left alone and the path refused: metadata
            paths were mixed up.
Lost        a member without its database becomes another drive in its own place: should the old
            database come back, it has forgotten what was promised since, and is nobody's.
Refused     where too few members are left to rebuild blank and lost ones from, the start: so many
            are not replaced, they are not mounted, or metadata paths were forgotten.
Foreign     a drive of another cluster than most drives is refused, never wiped.
Clone       of two paths with one drive id the one with the lower generation is refused.
Rewound     every start raises each drive's generation and all drives note all generations; a drive
            that is behind what another one noted for it has forgotten promises, and is treated as
            blank under its own path.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence, Set

import msgspec

from atoll.base.ids import ClusterId, DriveId
from atoll.core.placement.cluster_map import ClusterMap
from atoll.core.placement.sets import Layout, plan_map


class FormationError(ValueError):
    """The paths cannot form a cluster; the message says why and what to do."""


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """What the drive at one path says of itself."""

    drive_id: DriveId
    generation: int
    map: ClusterMap
    #: Drive id → generation, of all drives that were there at its last start.
    generations: dict[str, int]
    #: Every drive of the cluster had an identity when this was written.
    is_formed: bool = True
    has_database: bool = True


class Unreadable(msgspec.Struct, frozen=True, kw_only=True):
    """The identity at one path is damaged: nobody knows whose drive it is."""

    reason: str


class Bereft(msgspec.Struct, frozen=True, kw_only=True):
    """A path without identity whose metadata path holds the database of `owner`."""

    owner: DriveId
    #: A sentence that names both paths.
    reason: str


Found = Claim | Unreadable | Bereft | None


class Seat(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of one path. `drive_id` is None when the drive is refused, with the reason."""

    drive_id: DriveId | None
    generation: int = 1
    #: Holds nothing that counts: the register database must be rebuilt before it votes.
    is_blank: bool = False
    #: Blank because its database is older than what the other drives noted; it keeps its id.
    is_rewound: bool = False
    reason: str = ""


class Formation(msgspec.Struct, frozen=True, kw_only=True):
    """The cluster map to run with, and a seat per path, in order."""

    map: ClusterMap
    seats: tuple[Seat, ...]
    is_first: bool

    @property
    def generations(self) -> dict[str, int]:
        """Return the generation of each seated drive."""
        return {seat.drive_id: seat.generation for seat in self.seats if seat.drive_id is not None}


def form(
    found: Sequence[Found],
    layout: Layout,
    *,
    new_id: Callable[[], str],
    new_seed: Callable[[], int],
) -> Formation:
    """Return the formation of a node whose paths made these claims (None: no identity).

    A path with a damaged identity is refused and left as it is; the others form the cluster.

    Raises
        FormationError: no cluster has most drives, or there are more paths than members.
    """
    claims = [claim if isinstance(claim, Claim) else None for claim in found]
    if not any(claim is not None and claim.is_formed for claim in claims):
        for claim in found:
            if isinstance(claim, Unreadable | Bereft):
                raise FormationError(f"no drive says which cluster it is of; {claim.reason}")
        return _form_first(claims, layout, new_id, new_seed)
    cluster_id = _winning_cluster(claims)
    seats: list[Seat | None] = [
        Seat(drive_id=None, reason=claim.reason) if isinstance(claim, Unreadable) else None
        for claim in found
    ]
    members: list[tuple[int, Claim]] = []
    for index, claim in enumerate(claims):
        if claim is None:
            continue
        if claim.map.cluster_id != cluster_id:
            seats[index] = Seat(
                drive_id=None, reason=f"belongs to another cluster ({claim.map.cluster_id})"
            )
        else:
            members.append((index, claim))
    newest = max((claim.map for _, claim in members), key=lambda found: found.epoch)
    noted = _noted_generations([claim for _, claim in members])
    _seat_members(members, newest, noted, seats)
    bereft = {index: claim for index, claim in enumerate(found) if isinstance(claim, Bereft)}
    predecessors = _judge_bereft(bereft, newest, seats)
    lost = {index: claim.drive_id for index, claim in members if seats[index] is None}
    made = _seat_blanks(seats, newest, predecessors | lost, new_id)
    return msgspec.structs.replace(
        made,
        seats=tuple(
            msgspec.structs.replace(seat, reason="has lost its database") if index in lost else seat
            for index, seat in enumerate(made.seats)
        ),
    )


def _judge_bereft(
    bereft: dict[int, Bereft], newest: ClusterMap, seats: list[Seat | None]
) -> dict[int, DriveId]:
    """Refuse paths with the database of somebody else; return whom the others take the seat of."""
    known = {drive_id for on in newest.sets for drive_id in on.drives}
    seated = {seat.drive_id for seat in seats if seat is not None}
    for index, claim in bereft.items():
        if claim.owner in seated:
            why = "which is at another path; check the order of metadata_paths"
        elif claim.owner not in known:
            why = "which is none of this cluster's; check metadata_paths"
        else:
            continue
        seats[index] = Seat(drive_id=None, reason=f"{claim.reason}, {why}")
    return {index: claim.owner for index, claim in bereft.items() if seats[index] is None}


def _form_first(
    claims: Sequence[Claim | None],
    layout: Layout,
    new_id: Callable[[], str],
    new_seed: Callable[[], int],
) -> Formation:
    ids: list[DriveId] = []
    for claim in claims:
        # The database may know its drive's id already, so an id outlives an unfinished first start.
        is_known = claim is not None and claim.drive_id not in ids
        ids.append(claim.drive_id if claim is not None and is_known else DriveId(new_id()))
    made = plan_map(
        cluster_id=ClusterId(new_id()), epoch=1, seed=new_seed(), drives=ids, layout=layout
    )
    seats = tuple(Seat(drive_id=drive_id) for drive_id in ids)
    return Formation(map=made, seats=seats, is_first=True)


def _winning_cluster(claims: Sequence[Claim | None]) -> ClusterId:
    votes = Counter(claim.map.cluster_id for claim in claims if claim is not None)
    (winner, count), *others = votes.most_common()
    if others and others[0][1] == count:
        raise FormationError(
            f"the drives belong to {len(votes)} clusters and none has most of them; "
            "name only the drives of one cluster"
        )
    return winner


def _noted_generations(claims: Sequence[Claim]) -> dict[str, int]:
    noted: dict[str, int] = {}
    for claim in claims:
        for drive_id, generation in claim.generations.items():
            noted[drive_id] = max(noted.get(drive_id, 0), generation)
    return noted


def _seat_members(
    members: list[tuple[int, Claim]],
    newest: ClusterMap,
    noted: dict[str, int],
    seats: list[Seat | None],
) -> None:
    known = {drive_id for on in newest.sets for drive_id in on.drives}
    best: dict[DriveId, int] = {}
    for index, claim in members:
        rival = best.get(claim.drive_id)
        if rival is None or claim.generation > dict(members)[rival].generation:
            best[claim.drive_id] = index
    for index, claim in members:
        if claim.drive_id not in known:
            seats[index] = Seat(drive_id=None, reason="was replaced by another drive")
        elif best[claim.drive_id] != index:
            seats[index] = Seat(drive_id=None, reason="is a clone of another drive named here")
        elif claim.has_database:
            latest = noted.get(claim.drive_id, 0)
            seats[index] = Seat(
                drive_id=claim.drive_id,
                generation=max(latest, claim.generation) + 1,
                is_blank=claim.generation < latest,
                is_rewound=claim.generation < latest,
                reason="was rewound to an older state" if claim.generation < latest else "",
            )


def _seat_blanks(
    seats: list[Seat | None],
    newest: ClusterMap,
    owners: dict[int, DriveId],
    new_id: Callable[[], str],
) -> Formation:
    order = list(dict.fromkeys(drive_id for on in newest.sets for drive_id in on.drives))
    seated = {seat.drive_id for seat in seats if seat is not None}
    whole = {seat.drive_id for seat in seats if seat is not None and not seat.is_blank}
    vacant = [drive_id for drive_id in order if drive_id not in seated]
    renamed: dict[DriveId, DriveId] = {}
    # Paths that have a place of their own come first, so that no other path takes it.
    for index in sorted(range(len(seats)), key=lambda at: at not in owners):
        if seats[index] is not None:
            continue
        if not vacant:
            raise FormationError(
                f"{len(seats)} paths were named, but the cluster has {len(order)} drives and all "
                "are here; name only the drives of the cluster"
            )
        wanted = [owners.get(index), *order[index : index + 1]]
        preferred = next((drive_id for drive_id in wanted if drive_id in vacant), vacant[0])
        assert preferred is not None
        vacant.remove(preferred)
        renamed[preferred] = DriveId(new_id())
        seats[index] = Seat(drive_id=renamed[preferred], is_blank=True, reason="is blank")
    _refuse_lost_sets(newest, whole, renamed)
    made = _rename(newest, renamed) if renamed else newest
    final = tuple(seat for seat in seats if seat is not None)
    return Formation(map=made, seats=final, is_first=False)


def _refuse_lost_sets(
    newest: ClusterMap, whole: Set[DriveId | None], renamed: Mapping[DriveId, DriveId]
) -> None:
    """Refuse replacements from which a set could not be rebuilt.

    So many drives are not replaced at once: their file systems are not mounted. A replacement
    would shut the real ones out for good.

    Raises
        FormationError: fewer members of such a set are here than a rebuild reads.
    """
    for on in newest.sets:
        here = sum(drive_id in whole for drive_id in on.drives)
        needed = max(on.quorums.read, on.quorums.data)
        if here < needed and not renamed.keys().isdisjoint(on.drives):
            raise FormationError(
                f"set {on.index}: {here} of {len(on.drives)} drives are here, and {needed} are "
                "needed to rebuild the others; mount the missing ones, check metadata_paths, or "
                "name no blank path in their place"
            )


def _rename(old: ClusterMap, renamed: dict[DriveId, DriveId]) -> ClusterMap:
    sets = tuple(
        msgspec.structs.replace(
            on, drives=tuple(renamed.get(drive_id, drive_id) for drive_id in on.drives)
        )
        for on in old.sets
    )
    return msgspec.structs.replace(old, epoch=old.epoch + 1, sets=sets)
