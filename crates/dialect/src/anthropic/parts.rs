//! Parts of a message: text, images and files of the chat completions API become content blocks of the Messages API.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::translate::TranslateError;

/// What the Messages API takes as an image. Source: "Vision".
const IMAGE_TYPES: [&str; 4] = ["image/jpeg", "image/png", "image/gif", "image/webp"];
/// What it takes as a file in the request itself. Source: "PDF support".
const FILE_TYPE: &str = "application/pdf";

/// A text that is borrowed from the body wherever it holds no escapes, also within an `Option`.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Text<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

/// A content block, as the Messages API takes it.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Block<'a> {
    Text {
        text: Cow<'a, str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<&'a RawValue>,
    },
    Image {
        source: Source<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<&'a RawValue>,
    },
    Document {
        source: Source<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        title: Option<Text<'a>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<&'a RawValue>,
    },
    ToolUse {
        id: Cow<'a, str>,
        name: Cow<'a, str>,
        input: Box<RawValue>,
    },
    ToolResult {
        tool_use_id: Cow<'a, str>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        content: Vec<Block<'a>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        is_error: Option<bool>,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<&'a RawValue>,
    },
    /// A block of the provider's own, given back exactly as it came.
    #[serde(untagged)]
    Own(&'a RawValue),
}

/// Where an image or a file is.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Source<'a> {
    Base64 {
        media_type: &'static str,
        data: Cow<'a, str>,
    },
    Url {
        url: Cow<'a, str>,
    },
}

/// Which parts a message may hold.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Allowed {
    /// Text only.
    Text,
    /// Text, and images and files.
    TextAndFiles,
}

/// A part as the chat completions API has it.
#[derive(Deserialize)]
struct Part<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    text: Option<Text<'a>>,
    #[serde(borrow)]
    refusal: Option<Text<'a>>,
    #[serde(borrow)]
    image_url: Option<ImageUrl<'a>>,
    #[serde(borrow)]
    file: Option<File<'a>>,
    #[serde(borrow)]
    cache_control: Option<&'a RawValue>,
}

/// `detail` is passed over: the Messages API has no such choice and looks at every image as closely as it can.
#[derive(Deserialize)]
struct ImageUrl<'a> {
    #[serde(borrow)]
    url: Cow<'a, str>,
}

#[derive(Deserialize)]
struct File<'a> {
    #[serde(borrow)]
    file_data: Option<Text<'a>>,
    #[serde(borrow)]
    filename: Option<Text<'a>>,
}

/// The blocks of a `content`: a string, an array of parts, or nothing. Text without any words is left out, since the API
/// refuses it.
///
/// # Errors
/// Where a part has no counterpart; `at` is the path of the content.
pub(super) fn blocks<'a>(
    content: Option<&'a RawValue>,
    allowed: Allowed,
    at: &str,
) -> Result<Vec<Block<'a>>, TranslateError> {
    let Some(content) = content else {
        return Ok(Vec::new());
    };
    let wrong = |e: serde_json::Error| TranslateError::wrong(at, &e);
    if content.get().starts_with('"') {
        let text: Text<'a> = serde_json::from_str(content.get()).map_err(wrong)?;
        return Ok(text_block(text, None).into_iter().collect());
    }
    let parts: Vec<Part<'a>> = serde_json::from_str(content.get()).map_err(wrong)?;
    let mut blocks = Vec::with_capacity(parts.len());
    for (index, part) in parts.into_iter().enumerate() {
        blocks.extend(block(part, allowed, &format!("{at}[{index}]"))?);
    }
    Ok(blocks)
}

/// A block of text, where it holds any words.
pub(super) fn text_block<'a>(text: Text<'a>, cache_control: Option<&'a RawValue>) -> Option<Block<'a>> {
    (!text.0.trim().is_empty()).then_some(Block::Text {
        text: text.0,
        cache_control,
    })
}

fn block<'a>(part: Part<'a>, allowed: Allowed, at: &str) -> Result<Option<Block<'a>>, TranslateError> {
    let cache_control = part.cache_control;
    match (&*part.kind, allowed) {
        ("text", _) => Ok(text_block(present(part.text, at, "text")?, cache_control)),
        ("refusal", Allowed::Text) => Ok(text_block(present(part.refusal, at, "refusal")?, cache_control)),
        ("image_url", Allowed::TextAndFiles) => {
            let url = present(part.image_url, at, "image_url")?.url;
            let source = image_source(url, &format!("{at}.image_url.url"))?;
            Ok(Some(Block::Image { source, cache_control }))
        }
        ("file", Allowed::TextAndFiles) => {
            let file = present(part.file, at, "file")?;
            let source = file_source(file.file_data, &format!("{at}.file"))?;
            Ok(Some(Block::Document {
                source,
                title: file.filename,
                cache_control,
            }))
        }
        _ => Err(TranslateError::request(
            format!("{at}.type"),
            "this kind of content cannot be given to the Messages API here; it takes `text` everywhere, and `image_url` and \
             `file` from users and tools",
        )),
    }
}

fn present<T>(value: Option<T>, at: &str, name: &str) -> Result<T, TranslateError> {
    value.ok_or_else(|| TranslateError::request(format!("{at}.{name}"), format!("`{at}.{name}` is missing")))
}

fn image_source<'a>(url: Cow<'a, str>, at: &str) -> Result<Source<'a>, TranslateError> {
    if has_scheme(&url, "https://") {
        return Ok(Source::Url { url });
    }
    let known = DataUrl::parse(url).and_then(|data_url| {
        let given = match data_url.media_type.to_ascii_lowercase().as_str() {
            // Not registered, and yet what many programs write.
            "image/jpg" => "image/jpeg".to_owned(),
            other => other.to_owned(),
        };
        let media_type = IMAGE_TYPES.into_iter().find(|known| *known == given)?;
        Some((media_type, data_url.data))
    });
    let (media_type, data) = known.ok_or_else(|| {
        TranslateError::request(
            at,
            format!(
                "`{at}` must be an `https` URL or a `data` URL with base64 of {}",
                IMAGE_TYPES.join(", ")
            ),
        )
    })?;
    Ok(Source::Base64 { media_type, data })
}

fn file_source<'a>(data: Option<Text<'a>>, at: &str) -> Result<Source<'a>, TranslateError> {
    let data_url = data.and_then(|data| DataUrl::parse(data.0));
    data_url
        .filter(|data_url| data_url.media_type.eq_ignore_ascii_case(FILE_TYPE))
        .map(|data_url| Source::Base64 {
            media_type: FILE_TYPE,
            data: data_url.data,
        })
        .ok_or_else(|| {
            TranslateError::request(
                at,
                format!("`{at}.file_data` must be a `data` URL with base64 of {FILE_TYPE}; a `file_id` of OpenAI's is not known there"),
            )
        })
}

/// `data:image/png;base64,…`. Source: RFC 2397.
struct DataUrl<'a> {
    media_type: String,
    data: Cow<'a, str>,
}

impl<'a> DataUrl<'a> {
    fn parse(url: Cow<'a, str>) -> Option<Self> {
        if !has_scheme(&url, "data:") {
            return None;
        }
        let comma = url.find(',')?;
        let head = url.get("data:".len()..comma)?;
        let (media_type, parameters) = head.split_once(';')?;
        if !parameters.rsplit(';').next()?.trim().eq_ignore_ascii_case("base64") {
            return None;
        }
        let media_type = media_type.trim().to_owned();
        let data = match url {
            Cow::Borrowed(url) => Cow::Borrowed(url.get(comma + 1..)?),
            Cow::Owned(mut url) => Cow::Owned(url.split_off(comma + 1)),
        };
        Some(Self { media_type, data })
    }
}

fn has_scheme(url: &str, scheme: &str) -> bool {
    url.get(..scheme.len())
        .is_some_and(|head| head.eq_ignore_ascii_case(scheme))
}
