import Glibc

/// The functions of libarchive that are used, from the shared library, which is loaded at first use.
///
/// Only compressed archives need it, so the program does not depend on it otherwise.
@safe struct LibArchiveLibrary: @unchecked Sendable {
  // SAFETY: the functions are constant and the library is never unloaded.
  typealias Archive = OpaquePointer
  typealias ReadCallback =
    @convention(c) (
      Archive?, UnsafeMutableRawPointer?, UnsafeMutablePointer<UnsafeRawPointer?>?
    ) -> Int
  typealias Support = @convention(c) (Archive) -> Int32

  static let fileName = "libarchive.so.13"
  static let packageName = "libarchive13"

  let create: @convention(c) () -> Archive?
  let free: Support
  let supportGzip: Support
  let supportBzip2: Support
  let supportRaw: Support
  let supportZip: Support
  let open:
    @convention(c) (
      Archive, UnsafeMutableRawPointer?, OpaquePointer?, ReadCallback, OpaquePointer?
    ) -> Int32
  let nextHeader: @convention(c) (Archive, UnsafeMutablePointer<OpaquePointer?>) -> Int32
  let readData: @convention(c) (Archive, UnsafeMutableRawPointer?, Int) -> Int
  let errorText: @convention(c) (Archive) -> UnsafePointer<CChar>?

  /// The library; nil if it is not installed.
  static let shared = LibArchiveLibrary()

  private init?() {
    guard let handle = unsafe dlopen(Self.fileName, RTLD_NOW | RTLD_LOCAL) else { return nil }
    let symbols = unsafe Symbols(handle: handle)
    guard let create = unsafe symbols["read_new"], let free = unsafe symbols["read_free"],
      let gzip = unsafe symbols["read_support_filter_gzip"],
      let bzip2 = unsafe symbols["read_support_filter_bzip2"],
      let raw = unsafe symbols["read_support_format_raw"],
      let zip = unsafe symbols["read_support_format_zip_streamable"],
      let open = unsafe symbols["read_open"],
      let nextHeader = unsafe symbols["read_next_header"],
      let readData = unsafe symbols["read_data"], let errorText = unsafe symbols["error_string"]
    else { return nil }
    // SAFETY: the types are those of archive.h, in which only additions are made while the library has this name.
    unsafe self.create = unsafeBitCast(create, to: (@convention(c) () -> Archive?).self)
    unsafe self.free = unsafeBitCast(free, to: Support.self)
    unsafe supportGzip = unsafeBitCast(gzip, to: Support.self)
    unsafe supportBzip2 = unsafeBitCast(bzip2, to: Support.self)
    unsafe supportRaw = unsafeBitCast(raw, to: Support.self)
    unsafe supportZip = unsafeBitCast(zip, to: Support.self)
    unsafe self.open = unsafeBitCast(
      open,
      to: (@convention(c) (
        Archive, UnsafeMutableRawPointer?, OpaquePointer?, ReadCallback, OpaquePointer?
      ) -> Int32).self)
    unsafe self.nextHeader = unsafeBitCast(
      nextHeader,
      to: (@convention(c) (Archive, UnsafeMutablePointer<OpaquePointer?>) -> Int32).self)
    unsafe self.readData = unsafeBitCast(
      readData, to: (@convention(c) (Archive, UnsafeMutableRawPointer?, Int) -> Int).self)
    unsafe self.errorText = unsafeBitCast(
      errorText, to: (@convention(c) (Archive) -> UnsafePointer<CChar>?).self)
  }

  @unsafe private struct Symbols {
    let handle: UnsafeMutableRawPointer

    subscript(name: String) -> UnsafeMutableRawPointer? {
      unsafe dlsym(handle, "archive_" + name)
    }
  }
}
