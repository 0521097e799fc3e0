//! Tools and the choice among them.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::parts::Text;
use crate::translate::TranslateError;

/// The schema of a tool that takes nothing: the chat completions API lets it be left out, the Messages API does not.
const NO_PARAMETERS: &str = r#"{"type":"object","properties":{}}"#;

/// A tool, as the Messages API takes it.
#[derive(Debug, Serialize)]
pub(super) struct Tool<'a> {
    name: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<Text<'a>>,
    input_schema: Cow<'a, RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    strict: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_control: Option<&'a RawValue>,
}

/// Whether and which tool is to be used.
#[derive(Debug, Serialize)]
pub(super) struct ToolChoice<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    disable_parallel_tool_use: Option<bool>,
}

#[derive(Deserialize)]
struct Given<'a> {
    #[serde(borrow)]
    function: Option<Function<'a>>,
    #[serde(borrow)]
    cache_control: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Function<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    description: Option<Text<'a>>,
    #[serde(borrow)]
    parameters: Option<&'a RawValue>,
    strict: Option<bool>,
}

#[derive(Deserialize)]
struct Named<'a> {
    #[serde(borrow)]
    function: Option<Name<'a>>,
}

#[derive(Deserialize)]
struct Name<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
}

/// Reads `tools`.
///
/// # Errors
/// Where a tool is no function.
pub(super) fn tools(given: Option<&RawValue>) -> Result<Vec<Tool<'_>>, TranslateError> {
    let Some(given) = given else {
        return Ok(Vec::new());
    };
    let given: Vec<Given<'_>> = serde_json::from_str(given.get()).map_err(|e| TranslateError::wrong("tools", &e))?;
    given
        .into_iter()
        .enumerate()
        .map(|(index, given)| tool(given, &format!("tools[{index}]")))
        .collect()
}

fn tool<'a>(given: Given<'a>, at: &str) -> Result<Tool<'a>, TranslateError> {
    let function = given.function.ok_or_else(|| {
        TranslateError::request(
            format!("{at}.type"),
            "only tools of type `function` can be given to the Messages API through this door",
        )
    })?;
    let input_schema = match function.parameters {
        Some(parameters) => Cow::Borrowed(parameters),
        None => RawValue::from_string(NO_PARAMETERS.to_owned())
            .map(Cow::Owned)
            .map_err(|e| TranslateError::wrong(format!("{at}.function.parameters"), &e))?,
    };
    Ok(Tool {
        name: function.name,
        description: function.description,
        input_schema,
        strict: function.strict.filter(|strict| *strict),
        cache_control: given.cache_control,
    })
}

/// Reads `tool_choice` and `parallel_tool_calls`.
///
/// # Errors
/// Where the choice has no counterpart, or a tool is demanded and none is given.
pub(super) fn tool_choice(
    choice: Option<&RawValue>,
    parallel: Option<bool>,
    has_tools: bool,
) -> Result<Option<ToolChoice<'_>>, TranslateError> {
    let one_at_a_time = (parallel == Some(false)).then_some(true);
    let (kind, name) = match choice {
        None if one_at_a_time.is_none() => return Ok(None),
        None => ("auto", None),
        Some(choice) => chosen(choice)?,
    };
    if has_tools {
        return Ok(Some(ToolChoice {
            kind,
            name,
            // The choice `none` has no such member.
            disable_parallel_tool_use: one_at_a_time.filter(|_| kind != "none"),
        }));
    }
    match kind {
        "auto" | "none" => Ok(None),
        _ => Err(TranslateError::request(
            "tool_choice",
            "`tool_choice` demands a tool, and `tools` gives none",
        )),
    }
}

fn chosen(choice: &RawValue) -> Result<(&'static str, Option<Cow<'_, str>>), TranslateError> {
    let named = match choice.get() {
        r#""auto""# => return Ok(("auto", None)),
        r#""none""# => return Ok(("none", None)),
        r#""required""# => return Ok(("any", None)),
        other => serde_json::from_str::<Named<'_>>(other)
            .ok()
            .and_then(|named| named.function),
    };
    named.map(|function| ("tool", Some(function.name))).ok_or_else(|| {
        TranslateError::request(
            "tool_choice",
            "`tool_choice` must be `auto`, `none`, `required` or name a function; the Messages API has no counterpart of others",
        )
    })
}
