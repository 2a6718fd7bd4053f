//! Sizes that both ends of a stream agree on.

/// Version of the protocol; raised when an old peer would misunderstand a new one.
pub const PROTOCOL_VERSION: u32 = 1;

/// Most image bytes in one message; larger images follow in chunks of at most this size.
pub const MAX_CHUNK_BYTES: usize = 4 << 20;

/// Most bytes of one encoded request: a chunk, with room for the tasks beside it.
pub const MAX_REQUEST_BYTES: usize = MAX_CHUNK_BYTES + (64 << 10);

/// Most bytes of the name of a model pack, which is that of a folder.
pub const MAX_PACK_NAME: usize = 255;

/// Most bytes of one encoded message: a chunk, or a result with several hundred faces (8 kB each), with room
/// for the rest.
pub const MAX_MESSAGE_BYTES: usize = MAX_CHUNK_BYTES + (4 << 20);

/// HTTP/2 flow-control window of a stream. With [`CONNECTION_WINDOW`] and [`MAX_FRAME_BYTES`], 3-MB messages
/// crossed loopback at 520 MB/s where the defaults gave 179 MB/s.
pub const STREAM_WINDOW: u32 = 8 << 20;

/// HTTP/2 flow-control window of a connection.
pub const CONNECTION_WINDOW: u32 = 32 << 20;

/// Largest HTTP/2 frame.
pub const MAX_FRAME_BYTES: u32 = 1 << 20;
