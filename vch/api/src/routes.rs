//! Every route on one screen: the operations of the OpenAPI file of API 1.50, done or refused, and how a path finds its own.
//!
//! `{name}` stands for anything, slashes included, where dockerd has `{name:.*}`; `{id}` for one segment. Where several patterns
//! match, the one with the most literal text wins, so `/images/json` is never an image's name.

use crate::call::Call;
use crate::error::{ApiError, Result};
use crate::reply::{self, Response};
use crate::version::{OLDEST, SKOPEO, Version};
use crate::{containers, disk_usage, exec, images, system};
use futures_util::future::BoxFuture;
use http::StatusCode;

/// What a route does.
pub(crate) enum Action {
    /// Decodes, calls the engine, encodes.
    Handle(fn(Call) -> BoxFuture<'static, Result<Response>>),
    /// vch has no such thing: 501, naming the route and this reason.
    Missing(&'static str),
    /// dockerd's own answer where the thing asked for does not exist: status and words.
    Refuse(u16, fn(&str) -> String),
}

/// One operation.
pub(crate) struct Route {
    method: &'static str,
    pattern: &'static str,
    pub(crate) action: Action,
    note: &'static str,
}

macro_rules! table {
    ($($method:ident $pattern:literal $kind:ident($($action:tt)*) $note:literal)*) => {
        &[$(Route { method: stringify!($method), pattern: $pattern, action: table!(@ $kind $($action)*), note: $note }),*]
    };
    (@ done $handler:path) => { Action::Handle(|call| Box::pin($handler(call))) };
    (@ missing $why:expr) => { Action::Missing($why) };
    (@ no_swarm) => { Action::Refuse(503, |_| NO_SWARM.into()) };
    (@ refuse $status:literal, $words:expr) => { Action::Refuse($status, $words) };
}

const NO_SWARM: &str = "This node is not a swarm manager. Use \"docker swarm init\" or \"docker swarm join\" to connect this node \
                        to swarm and try again.";
const NETWORKS: &str = "containers have a loopback interface only";
const VOLUMES: &str = "containers have no volumes, only their own writable layer and tmpfs";
const BUILD: &str = "images are pulled, loaded or imported";
const PLUGINS: &str = "vch takes no plugins";
const SWARM: &str = "vch is one machine and forms no swarm";

#[rustfmt::skip]
const ROUTES: &[Route] = table! {
    // system
    GET    "/_ping"                       done(system::ping)                 ""
    HEAD   "/_ping"                       done(system::ping)                 ""
    GET    "/version"                     done(system::version)              ""
    GET    "/info"                        done(system::info)                 ""
    GET    "/events"                      done(system::events)               "streamed"
    POST   "/auth"                        done(system::auth)                 ""
    GET    "/system/df"                   done(disk_usage::disk_usage)       "a container's own size is what its disk takes on the host"
    POST   "/session"                     missing(BUILD)                     "without it clients fall back to the classic builder"
    // containers
    GET    "/containers/json"             done(containers::list)             ""
    POST   "/containers/create"           done(containers::create)           "fields: see api-fields.md"
    POST   "/containers/prune"            done(containers::prune)            ""
    GET    "/containers/{name}/json"      done(containers::inspect)          ""
    POST   "/containers/{name}/start"     done(containers::start)            "checkpoints refused, as by dockerd without --experimental"
    POST   "/containers/{name}/stop"      done(containers::stop)             ""
    POST   "/containers/{name}/restart"   done(containers::restart)          ""
    POST   "/containers/{name}/kill"      done(containers::kill)             ""
    POST   "/containers/{name}/pause"     done(containers::pause)            "the machine stands still"
    POST   "/containers/{name}/unpause"   done(containers::unpause)          ""
    POST   "/containers/{name}/rename"    done(containers::rename)           ""
    POST   "/containers/{name}/resize"    done(containers::resize)           ""
    POST   "/containers/{name}/wait"      done(containers::wait)             "the head is sent at once"
    POST   "/containers/{name}/attach"    done(containers::attach)           "hijacked, with and without Upgrade"
    GET    "/containers/{name}/attach/ws" done(containers::attach_websocket) ""
    GET    "/containers/{name}/logs"      done(containers::logs)             "streamed"
    DELETE "/containers/{name}"           done(containers::remove)           ""
    GET    "/containers/{name}/top"       done(containers::top)              "ps's columns; options of ps that choose, sort or draw are refused"
    GET    "/containers/{name}/stats"     done(containers::stats)            "of the machine's cgroup v2"
    POST   "/containers/{name}/update"    done(containers::update)           "Devices and Ulimits are refused, dockerd passes over them"
    GET    "/containers/{name}/changes"   done(containers::changes)          "streamed"
    GET    "/containers/{name}/export"    done(containers::export)           "streamed"
    HEAD   "/containers/{name}/archive"   done(containers::stat)             ""
    GET    "/containers/{name}/archive"   done(containers::pack)             "streamed"
    PUT    "/containers/{name}/archive"   done(containers::extract)          "plain tar, or compressed with gzip, bzip2, xz or zstd"
    POST   "/commit"                      done(images::commit)               ""
    POST   "/containers/{name}/exec"      done(exec::create)                 ""
    POST   "/exec/{name}/start"           done(exec::start)                  "hijacked unless detached"
    POST   "/exec/{name}/resize"          done(exec::resize)                 ""
    GET    "/exec/{name}/json"            done(exec::inspect)                ""
    // images
    GET    "/images/json"                 done(images::list)                 "manifests adds nothing, as in dockerd without containerd's image store"
    POST   "/images/create"               done(images::create)               "pull, and import of a tar in the body; import from a URL is refused"
    POST   "/images/load"                 done(images::load)                 ""
    POST   "/images/prune"                done(images::prune)                ""
    GET    "/images/{name}/json"          done(images::inspect)              "as above"
    GET    "/images/{name}/history"       done(images::history)              ""
    POST   "/images/{name}/tag"           done(images::tag)                  ""
    DELETE "/images/{name}"               done(images::remove)               "platforms is refused"
    POST   "/images/{name}/push"          done(images::push)                 "streamed"
    GET    "/images/{name}/get"           done(images::save_one)             "docker-archive and OCI layout in one"
    GET    "/images/get"                  done(images::save_several)         "as above"
    GET    "/images/search"               done(images::search)               "a registry without an index is asked for its catalogue"
    GET    "/distribution/{name}/json"    done(images::distribution)         ""
    POST   "/build"                       missing(BUILD)                     ""
    POST   "/build/prune"                 done(disk_usage::prune_build_cache) "there is no cache"
    // networks
    GET    "/networks"                    missing(NETWORKS)                  ""
    GET    "/networks/{name}"             refuse(404, |name| format!("network {name} not found")) "there are none"
    DELETE "/networks/{name}"             refuse(404, |name| format!("network {name} not found")) "there are none"
    POST   "/networks/create"             missing(NETWORKS)                  ""
    POST   "/networks/{name}/connect"     missing(NETWORKS)                  ""
    POST   "/networks/{name}/disconnect"  missing(NETWORKS)                  ""
    POST   "/networks/prune"              done(disk_usage::prune_networks)   "there are none"
    // volumes
    GET    "/volumes"                     missing(VOLUMES)                   ""
    GET    "/volumes/{name}"              refuse(404, |name| format!("get {name}: no such volume")) "there are none"
    DELETE "/volumes/{name}"              refuse(404, |name| format!("get {name}: no such volume")) "there are none"
    POST   "/volumes/create"              missing(VOLUMES)                   ""
    PUT    "/volumes/{name}"              no_swarm()                         "cluster volumes"
    POST   "/volumes/prune"               done(disk_usage::prune_volumes)    "there are none"
    // plugins: `docker inspect NAME` asks for one last of all
    GET    "/plugins"                     done(system::plugins)              "there are none"
    GET    "/plugins/privileges"          missing(PLUGINS)                   ""
    POST   "/plugins/pull"                missing(PLUGINS)                   ""
    POST   "/plugins/create"              missing(PLUGINS)                   ""
    GET    "/plugins/{name}/json"         refuse(404, no_plugin)             "there are none"
    DELETE "/plugins/{name}"              refuse(404, no_plugin)             "there are none"
    POST   "/plugins/{name}/enable"       refuse(404, no_plugin)             "there are none"
    POST   "/plugins/{name}/disable"      refuse(404, no_plugin)             "there are none"
    POST   "/plugins/{name}/upgrade"      refuse(404, no_plugin)             "there are none"
    POST   "/plugins/{name}/push"         refuse(404, no_plugin)             "there are none"
    POST   "/plugins/{name}/set"          refuse(404, no_plugin)             "there are none"
    // swarm: what dockerd says outside of one
    GET    "/swarm"                       no_swarm()                         ""
    POST   "/swarm/init"                  missing(SWARM)                     ""
    POST   "/swarm/join"                  missing(SWARM)                     ""
    POST   "/swarm/leave"                 refuse(503, |_| "This node is not part of a swarm".into()) ""
    POST   "/swarm/update"                no_swarm()                         ""
    GET    "/swarm/unlockkey"             no_swarm()                         ""
    POST   "/swarm/unlock"                refuse(409, |_| "swarm is not locked".into()) ""
    GET    "/nodes"                       no_swarm()                         ""
    GET    "/nodes/{id}"                  no_swarm()                         ""
    DELETE "/nodes/{id}"                  no_swarm()                         ""
    POST   "/nodes/{id}/update"           no_swarm()                         ""
    GET    "/services"                    no_swarm()                         ""
    POST   "/services/create"             no_swarm()                         ""
    GET    "/services/{id}"               no_swarm()                         ""
    DELETE "/services/{id}"               no_swarm()                         ""
    POST   "/services/{id}/update"        no_swarm()                         ""
    GET    "/services/{id}/logs"          no_swarm()                         ""
    GET    "/tasks"                       no_swarm()                         ""
    GET    "/tasks/{id}"                  no_swarm()                         ""
    GET    "/tasks/{id}/logs"             no_swarm()                         ""
    GET    "/secrets"                     no_swarm()                         ""
    POST   "/secrets/create"              no_swarm()                         ""
    GET    "/secrets/{id}"                no_swarm()                         ""
    DELETE "/secrets/{id}"                no_swarm()                         ""
    POST   "/secrets/{id}/update"         no_swarm()                         ""
    GET    "/configs"                     no_swarm()                         ""
    POST   "/configs/create"              no_swarm()                         ""
    GET    "/configs/{id}"                no_swarm()                         ""
    DELETE "/configs/{id}"                no_swarm()                         ""
    POST   "/configs/{id}/update"         no_swarm()                         ""
};

fn no_plugin(name: &str) -> String {
    format!("plugin \"{name}\" not found")
}

impl Route {
    /// What the pattern's `{…}` stands for in `path` (empty where it has none), or none if it does not match.
    fn capture<'p>(&self, path: &'p str) -> Option<&'p str> {
        let Some((prefix, rest)) = self.pattern.split_once('{') else {
            return (path == self.pattern).then_some("");
        };
        let (word, suffix) = rest.split_once('}')?;
        let captured = path.strip_prefix(prefix)?.strip_suffix(suffix)?;
        let fits = !captured.is_empty() && (word == "name" || !captured.contains('/'));
        fits.then_some(captured)
    }

    /// Bytes of literal text, by which the most specific of several matching patterns is known.
    fn literal(&self) -> usize {
        match (self.pattern.find('{'), self.pattern.find('}')) {
            (Some(open), Some(close)) => self.pattern.len() - (close + 1 - open),
            _ => usize::MAX,
        }
    }

    /// The oldest API version that the route serves.
    pub(crate) fn oldest(&self) -> Version {
        match self.pattern {
            "/images/get" | "/images/{name}/get" | "/images/load" => SKOPEO,
            _ => OLDEST,
        }
    }

    /// The answer of a route that is not handled.
    pub(crate) fn refusal(&self, name: &str) -> Option<ApiError> {
        match &self.action {
            Action::Handle(_) => None,
            Action::Missing(why) => {
                let (method, pattern) = (self.method, self.pattern);
                Some(ApiError::not_implemented(format!("{method} {pattern} is not implemented: {why}")))
            }
            Action::Refuse(status, words) => {
                Some(ApiError { status: StatusCode::from_u16(*status).unwrap_or_default(), message: words(name) })
            }
        }
    }
}

/// The route of a request, and what stands for its `{…}`. `path` is percent-decoded and without version.
pub(crate) fn find<'p>(method: &str, path: &'p str) -> Option<(&'static Route, &'p str)> {
    let matching = ROUTES.iter().filter(|route| route.method == method);
    matching.filter_map(|route| Some((route, route.capture(path)?))).max_by_key(|(route, _)| route.literal())
}

/// A path without its `/v1.50`, and the version's digits if it has them.
pub(crate) fn split_version(path: &str) -> (Option<&str>, &str) {
    let Some(rest) = path.strip_prefix("/v") else { return (None, path) };
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
    match (&rest[..end], &rest[end..]) {
        ("", _) => (None, path),
        (version, after) if after.starts_with('/') => (Some(version), after),
        _ => (None, path),
    }
}

/// 404 `page not found`, the answer to unknown paths and methods alike.
pub(crate) fn unknown() -> Response {
    ApiError::page_not_found().into_response()
}

/// 200 to `OPTIONS`, whatever the path.
pub(crate) fn options() -> Response {
    reply::empty(StatusCode::OK)
}

/// `docs/api.md`.
pub fn markdown() -> String {
    let mut text = String::from(
        "# Routes\n\n\
         Every operation of the Docker Engine API 1.50 and what becomes of it here. Generated from `vch/api/src/routes.rs`; behaviour, \
         words and statuses follow dockerd 28.2. Paths work with and without a version (`/v1.24` to `/v1.50`).\n\n\
         | method | path | answer | note |\n|---|---|---|---|\n",
    );
    for route in ROUTES {
        let (answer, reason) = match &route.action {
            Action::Handle(_) => ("done".to_owned(), ""),
            Action::Missing(why) => ("501".to_owned(), *why),
            Action::Refuse(status, _) => (format!("{status}, as dockerd"), ""),
        };
        let note = [reason, route.note].into_iter().filter(|n| !n.is_empty()).collect::<Vec<_>>().join("; ");
        text.push_str(&format!("| {} | `{}` | {answer} | {note} |\n", route.method, route.pattern));
    }
    let done = ROUTES.iter().filter(|r| matches!(r.action, Action::Handle(_))).count();
    text.push_str(&format!("\n{done} of {} operations are done.\n", ROUTES.len()));
    text
}

#[cfg(test)]
mod tests;
