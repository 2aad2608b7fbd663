//! Derives the names in the document from those in the code, so that generated clients read well.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::walk::{change_operations, operations, schema_name, schema_reference, walk_mut};

/// The prefix of the names of `domain::Text`, whose bounds are part of its type.
const BOUNDED_TEXT: &str = "TextOf";

/// The id of the operation whose handler is in `module`: `get_chatroom` becomes `getChatroom`.
pub(super) fn operation_id(module: &str) -> String {
    let mut words = module.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |id, word| id + &capitalised(word))
}

/// `word` with a capital first letter.
pub(super) fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// Renames the schemas to nouns: a request body `CreateChatroom` becomes `CreateChatroomRequest`,
/// and `ChatroomView` becomes `Chatroom`. Bounded texts become members of the schemas that use them.
pub(super) fn rename_schemas(document: &mut Value) {
    inline_bounded_texts(document);
    name_optional_bodies(document);
    let bodies = request_bodies(document);
    let Some(schemas) = document.pointer_mut("/components/schemas").and_then(Value::as_object_mut) else {
        return;
    };
    let mut renamed: BTreeMap<String, String> =
        bodies.into_iter().map(|name| (name.clone(), name + "Request")).collect();
    for name in schemas.keys().filter(|name| name.ends_with("View")) {
        let noun = name.trim_end_matches("View");
        if !schemas.contains_key(noun) || renamed.contains_key(noun) {
            renamed.insert(name.clone(), noun.to_owned());
        }
    }
    *schemas = std::mem::take(schemas)
        .into_iter()
        .map(|(name, schema)| (renamed.get(&name).cloned().unwrap_or(name), schema))
        .collect();
    walk_mut(document, &mut |value| {
        if let Some(name) = schema_name(value).and_then(|name| renamed.get(name)) {
            value["$ref"] = schema_reference(name).into();
        }
    });
}

/// Writes an optional body as its schema: it may be absent, but `null` is refused.
fn name_optional_bodies(document: &mut Value) {
    change_operations(document, |_, _, operation| {
        let body = operation.pointer_mut("/requestBody/content/application~1json/schema");
        let Some(schema) = body.filter(|schema| schema.get("oneOf").is_some()) else { return };
        let body = schema["oneOf"].as_array().into_iter().flatten().find(|one| schema_name(one).is_some());
        if let Some(body) = body.cloned() {
            *schema = body;
        }
    });
}

/// The names of the schemas of request bodies.
fn request_bodies(document: &Value) -> BTreeSet<String> {
    operations(document)
        .filter_map(|(_, _, operation)| operation.pointer("/requestBody/content"))
        .flat_map(|content| content.as_object().into_iter().flat_map(Map::values))
        .filter_map(|content| schema_name(&content["schema"]).map(str::to_owned))
        .collect()
}

/// Replaces the references to bounded texts by their schemas.
fn inline_bounded_texts(document: &mut Value) {
    let Some(schemas) = document.pointer_mut("/components/schemas").and_then(Value::as_object_mut) else {
        return;
    };
    let (texts, others): (Map<_, _>, Map<_, _>) =
        std::mem::take(schemas).into_iter().partition(|(name, _)| name.starts_with(BOUNDED_TEXT));
    *schemas = others;
    walk_mut(document, &mut |value| {
        let text = schema_name(value).and_then(|name| texts.get(name)).and_then(Value::as_object).cloned();
        if let (Some(text), Some(members)) = (text, value.as_object_mut()) {
            members.remove("$ref");
            members.extend(text);
        }
        merge_null(value);
    });
}

/// Writes `oneOf` of a string and null as one schema with two types.
fn merge_null(value: &mut Value) {
    let choices = value.get_mut("oneOf").and_then(Value::as_array_mut).map(Vec::as_mut_slice);
    let Some([choice, null]) = choices else { return };
    if choice["type"] != "string" || null["type"] != "null" {
        return;
    }
    let mut choice = choice.take();
    choice["type"] = serde_json::json!(["string", "null"]);
    if let (Value::Object(choice), Some(members)) = (choice, value.as_object_mut()) {
        members.remove("oneOf");
        members.extend(choice);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn operation_ids_are_camel_case() {
        assert_eq!(operation_id("get_web_client"), "getWebClient");
        assert_eq!(operation_id("login"), "login");
    }

    #[test]
    fn bodies_become_requests_and_views_lose_their_suffix() {
        let mut document = json!({
            "paths": { "/rooms": { "post": {
                "requestBody": { "content": { "application/json": {
                    "schema": { "$ref": "#/components/schemas/CreateRoom" } } } },
                "responses": { "201": { "$ref": "#/components/schemas/RoomView" } },
            } } },
            "components": { "schemas": {
                "CreateRoom": { "properties": { "name": { "oneOf": [
                    { "$ref": "#/components/schemas/TextOf1To9" }, { "type": "null" }] } } },
                "RoomView": { "type": "object" }, "User": {}, "UserView": {},
                "TextOf1To9": { "type": "string", "maxLength": 9 },
            } },
        });
        rename_schemas(&mut document);
        assert_eq!(
            document["components"]["schemas"],
            json!({
                "CreateRoomRequest": { "properties": { "name": { "type": ["string", "null"], "maxLength": 9 } } },
                "Room": { "type": "object" }, "User": {}, "UserView": {},
            })
        );
        let post = &document["paths"]["/rooms"]["post"];
        assert_eq!(post["responses"]["201"]["$ref"], "#/components/schemas/Room");
    }
}
