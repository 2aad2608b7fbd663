//! [`endpoints!`](macro@crate::endpoints): the one list of a function's endpoints.

/// Declares the endpoints of a function, one a line: the module of the handler, and the
/// [`RoutePolicy`](crate::RoutePolicy) of the route. Method and path are those of the
/// `#[utoipa::path]` attribute on the module's `handle` function. The operation id is the name of
/// the module, in camel case.
///
/// ```ignore
/// web::endpoints! {
///     tag: "Chatroom", "Chatrooms and their messages.";
///     create_chatroom: Idempotent,
///     list_chatrooms: SpeculativeRead,
/// }
/// ```
///
/// `shared: Type` after the description gives the handlers one default value of the type for the whole
/// process, as `Extension<Arc<Type>>`.
///
/// Expands to `routes()`, which the Lambda serves, and `documented()`, from which tests and
/// `cargo dev openapi` build the OpenAPI document. Only `documented()` refers to schemas, so the
/// linker drops them from the Lambda.
#[macro_export]
macro_rules! endpoints {
    (
        tag: $tag:literal, $description:literal $(, shared: $shared:ty)?;
        $($module:ident: $policy:ident),+ $(,)?
    ) => {
        /// The routes of this function.
        #[must_use]
        pub fn routes() -> $crate::Routes {
            $crate::Routes::new()$(
                .endpoint::<$module::__path_handle, _, _>(
                    $crate::RoutePolicy::$policy,
                    $module::handle,
                )
            )+$(
                .shared(<$shared>::default())
            )?
        }

        /// The routes of this function with their OpenAPI documentation.
        #[must_use]
        pub fn documented() -> $crate::openapi::DocumentedRoutes {
            #[derive(utoipa::OpenApi)]
            #[openapi(
                tags((name = $tag, description = $description)),
                paths($($module::handle),+)
            )]
            struct Document;

            $crate::openapi::DocumentedRoutes {
                routes: routes(),
                tag: $tag,
                operations: vec![$(
                    $crate::openapi::OperationId::of::<$module::__path_handle>(stringify!($module))
                ),+],
                document: <Document as utoipa::OpenApi>::openapi(),
            }
        }
    };
}
