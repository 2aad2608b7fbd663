//! The routes of the HTTP API and of the REST API, in one table, as on a custom domain that both
//! share.

use std::sync::LazyLock;

use serde_json::{Map, Value};
use stack::checkout;
use stack::template::Template;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Api {
    /// Waits for the whole response.
    Http,
    /// Passes on the response while the function writes it.
    Rest,
}

#[derive(Debug, Clone)]
pub(crate) struct Route {
    /// The path in the template: segments, `{name}` for any one segment, `{name+}` for the rest.
    pub(crate) path: String,
    pub(crate) function: String,
    pub(crate) api: Api,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Routes {
    pub(crate) routes: Vec<Route>,
    /// The stage of the REST API.
    pub(crate) stage: String,
}

impl Routes {
    /// The routes of `template.yaml`. None if it cannot be read.
    pub(crate) fn of_template() -> &'static Self {
        static ROUTES: LazyLock<Routes> =
            LazyLock::new(|| Template::read(&checkout()).map(|read| Routes::read(&read)).unwrap_or_default());
        &ROUTES
    }

    fn read(template: &Template) -> Self {
        let streamed = template.rest_routes();
        let api = |path: &str| if streamed.contains(path) { Api::Rest } else { Api::Http };
        let routes = template.routes().into_iter();
        let routes = routes.map(|(path, function)| Route { api: api(&path), path, function }).collect();
        Self { routes, stage: template.rest_stage() }
    }

    /// The route of a path, with or without a query. As in API Gateway, an exact route wins over
    /// parameters, and a longer route over a shorter one.
    pub(crate) fn find(&self, path: &str) -> Option<&Route> {
        let path = path.split('?').next().unwrap_or_default();
        let matching = self.routes.iter().filter(|route| route.matches(path));
        matching.max_by_key(|route| {
            let literal = route.path.find('{').unwrap_or(usize::MAX);
            (literal, !route.path.ends_with("+}"))
        })
    }
}

impl Route {
    fn matches(&self, path: &str) -> bool {
        self.parameters(path).is_some()
    }

    /// The parameters in `path`, or `None` if it does not match.
    pub(super) fn parameters(&self, path: &str) -> Option<Map<String, Value>> {
        let (mut parameters, mut rest) = (Map::new(), Some(path));
        for segment in self.path.split('/') {
            let name = segment.strip_prefix('{').and_then(|name| name.strip_suffix('}'));
            if let Some(name) = name.and_then(|name| name.strip_suffix('+')) {
                let value = rest.filter(|rest| !rest.is_empty() || self.api == Api::Http)?;
                parameters.insert(name.to_owned(), value.into());
                return Some(parameters);
            }
            let (value, after) =
                rest.map(|rest| rest.split_once('/').map_or((rest, None), |(a, b)| (a, Some(b))))?;
            match name {
                Some(name) if !value.is_empty() => drop(parameters.insert(name.to_owned(), value.into())),
                None if value == segment => {}
                _ => return None,
            }
            rest = after;
        }
        rest.is_none().then_some(parameters)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(path: &str, api: Api) -> Route {
        Route { path: path.to_owned(), function: path.to_owned(), api }
    }

    #[test]
    fn paths_are_routed_by_the_template() {
        let routes = Routes::of_template();
        let function_of = |path: &str| routes.find(path).map_or("", |route| &route.function);
        for Route { path, function, .. } in &routes.routes {
            assert_eq!(function_of(&path.replace("{proxy+}", "x")), function, "{path}");
        }
        assert_eq!((function_of("/health?deep=true"), function_of("/api")), ("site", "site"));
        assert_eq!((function_of("/api/auth"), function_of("/api/auth/a/b?c")), ("site", "auth"));
        assert_eq!((function_of("/api/auth/"), function_of("/")), ("auth", "site"));
    }

    #[test]
    fn most_specific_route_of_both_apis_is_found() {
        let all = [
            route("/{proxy+}", Api::Http),
            route("/api/stream/{id}", Api::Rest),
            route("/api/chat", Api::Rest),
            route("/api/chat/{id}/stream", Api::Rest),
            route("/api/files/{proxy+}", Api::Rest),
            route("/api/files/{id}", Api::Rest),
        ];
        let routes = Routes { routes: all.to_vec(), stage: "prod".to_owned() };
        for (path, expected) in [
            ("/api/stream/7?x=/y", "/api/stream/{id}"),
            ("/api/stream/", "/{proxy+}"),
            ("/api/stream/7/8", "/{proxy+}"),
            ("/api/chat", "/api/chat"),
            ("/api/chat/7/stream", "/api/chat/{id}/stream"),
            ("/api/chat/7/other", "/{proxy+}"),
            ("/api/files/7", "/api/files/{id}"),
            ("/api/files/7/8", "/api/files/{proxy+}"),
            ("/api/files/", "/{proxy+}"),
            ("/", "/{proxy+}"),
        ] {
            assert_eq!(routes.find(path).unwrap().path, expected, "{path}");
        }
    }

    #[test]
    fn parameters_are_read_from_the_path() {
        let route = route("/api/{kind}/{rest+}", Api::Rest);
        let parameters = Value::from(route.parameters("/api/a/b/c").unwrap());
        assert_eq!(parameters, serde_json::json!({ "kind": "a", "rest": "b/c" }));
    }
}
