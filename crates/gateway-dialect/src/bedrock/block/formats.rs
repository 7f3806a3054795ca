//! Formats of data: Bedrock says `png` where others say `image/png`.

/// Bedrock's word and the media type; the first one of several is written.
type Format = (&'static str, &'static str);

pub(super) const IMAGES: &[Format] = &[
    ("png", "image/png"),
    ("jpeg", "image/jpeg"),
    ("jpeg", "image/jpg"),
    ("gif", "image/gif"),
    ("webp", "image/webp"),
];

pub(super) const DOCUMENTS: &[Format] = &[
    ("pdf", "application/pdf"),
    ("csv", "text/csv"),
    ("doc", "application/msword"),
    (
        "docx",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ),
    ("xls", "application/vnd.ms-excel"),
    (
        "xlsx",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ),
    ("html", "text/html"),
    ("txt", "text/plain"),
    ("md", "text/markdown"),
];

pub(super) const VIDEOS: &[Format] = &[
    ("mp4", "video/mp4"),
    ("mov", "video/quicktime"),
    ("mkv", "video/x-matroska"),
    ("webm", "video/webm"),
    ("flv", "video/x-flv"),
    ("mpeg", "video/mpeg"),
    ("mpg", "video/mpg"),
    ("wmv", "video/x-ms-wmv"),
    ("three_gp", "video/3gpp"),
];

pub(super) const SOUNDS: &[Format] = &[
    ("mp3", "audio/mp3"),
    ("mp3", "audio/mpeg"),
    ("wav", "audio/wav"),
    ("wav", "audio/x-wav"),
    ("opus", "audio/opus"),
    ("aac", "audio/aac"),
    ("flac", "audio/flac"),
    ("ogg", "audio/ogg"),
    ("m4a", "audio/m4a"),
    ("pcm", "audio/pcm"),
    ("webm", "audio/webm"),
    ("mp4", "audio/mp4"),
    ("mkv", "audio/x-matroska"),
    ("mka", "audio/mka"),
    ("x-aac", "audio/x-aac"),
    ("mpeg", "audio/x-mpeg"),
    ("mpga", "audio/mpga"),
];

/// The media type of a format.
pub(super) fn media_type(table: &[Format], format: &str) -> Option<&'static str> {
    table
        .iter()
        .find(|(known, _)| *known == format)
        .map(|(_, media)| *media)
}

/// The format of a media type, parameters left aside.
pub(super) fn format(table: &[Format], media_type: &str) -> Option<&'static str> {
    let bare = media_type.split(';').next().unwrap_or_default().trim();
    table
        .iter()
        .find(|(_, known)| known.eq_ignore_ascii_case(bare))
        .map(|(format, _)| *format)
}

/// The format that the end of a name tells.
pub(super) fn by_name(table: &[Format], name: &str) -> Option<&'static str> {
    let end = name.rsplit_once('.')?.1.to_ascii_lowercase();
    let end = if end == "jpg" { "jpeg" } else { end.as_str() };
    table
        .iter()
        .find(|(format, _)| *format == end)
        .map(|(format, _)| *format)
}
