/// The formats of archives that are written.
package enum ArchiveFormat: String, CaseIterable, Sendable {
  case tar
  case tarZstd = "tar.zst"
  case zip

  /// The endings of file names of the format.
  package var suffixes: [String] {
    switch self {
    case .tar: [".tar"]
    case .tarZstd: [".tar.zst", ".tzst"]
    case .zip: [".zip"]
    }
  }

  /// Returns the format of a file by its name; nil if the name has no known ending.
  package init?(path: String) {
    let name = path.lowercased()
    guard
      let format = Self.allCases.first(where: { $0.suffixes.contains(where: name.hasSuffix) })
    else { return nil }
    self = format
  }
}
