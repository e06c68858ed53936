import Base
import Checkpoints
import Crypto

/// The files beside a model that hold values of its tensors.
struct ExternalFiles {
  private let input: InputTree
  private var opened: [UTF8Key: InputFile] = [:]
  /// The checksums that were compared, by location.
  private var checksums: [UTF8Key: String] = [:]

  /// All files that were opened.
  var files: [InputFile] {
    opened.sorted { $0.key < $1.key }.map(\.value)
  }

  init(_ input: InputTree) { self.input = input }

  /// The place of the values of a tensor.
  struct Place {
    var file: InputFile
    var range: Range<Int>
  }

  /// Returns the place of the values of a tensor, from its entries of external data.
  /// - Throws: ``FormatError``; ``FileError`` if the file cannot be opened.
  mutating func place(of message: TensorMessage, byteCount: Int) throws -> Place {
    var values: [UTF8Key: String] = [:]
    for (key, value) in message.external {
      guard values.updateValue(value, forKey: UTF8Key(key)) == nil else {
        throw error(message, "the key '\(key.printable)' of its external data appears twice")
      }
    }
    guard let location = values[UTF8Key("location")] else {
      throw error(message, "its external data have no location")
    }
    let offset = try number("offset", values, message) ?? 0
    if let length = try number("length", values, message), length != byteCount {
      throw error(
        message, "its external data have \(length) bytes, but dtype and shape need \(byteCount)",
        .data)
    }
    let file = try open(location, message)
    guard offset <= file.byteCount, byteCount <= file.byteCount - offset else {
      throw error(
        message,
        "its external data at byte \(offset) need \(byteCount) bytes, but "
          + "'\(location.printable)' has \(file.byteCount) bytes", .external,
        hint: "the file may be cut short")
    }
    if let checksum = values[UTF8Key("checksum")], !checksum.isEmpty {
      try compare(checksum.lowercased(), with: file, location: location, message)
    }
    return Place(file: file, range: offset..<offset + byteCount)
  }

  private func number(
    _ key: String, _ values: [UTF8Key: String], _ message: TensorMessage
  ) throws(FormatError) -> Int? {
    guard let text = values[UTF8Key(key)] else { return nil }
    guard text.utf8.allSatisfy({ (48...57).contains($0) }), let number = Int(text) else {
      throw error(
        message,
        "the \(key) of its external data is '\(text.prefix(40).description.printable)', expected a "
          + "whole number")
    }
    return number
  }

  /// Opens a file of the folder of the model.
  private mutating func open(
    _ location: String, _ message: TensorMessage
  ) throws -> InputFile {
    let key = UTF8Key(location)
    if let file = opened[key] { return file }
    let name = location.hasPrefix("./") ? String(location.dropFirst(2)) : location
    let shown = location.prefix(200).description.printable
    guard RelativePath.isSafe(name) else {
      throw error(message, "its location '\(shown)' is not a path inside the folder of the model")
    }
    guard try input.isFile(name) else {
      throw error(
        message, "its values are in '\(shown)', which is not in the folder of the model", .external,
        hint: "fetch that file too; it belongs to the model")
    }
    guard try !input.isOutside(name) else {
      throw error(message, "its location '\(shown)' is a link that leaves the folder of the model")
    }
    let file = try input.open(name)
    opened[key] = file
    return file
  }

  /// Compares the SHA-1 of a whole file with the checksum that a tensor states.
  private mutating func compare(
    _ checksum: String, with file: InputFile, location: String, _ message: TensorMessage
  ) throws {
    let key = UTF8Key(location)
    let found: String
    if let known = checksums[key] {
      found = known
    } else {
      var hash = Insecure.SHA1()
      var buffer = ByteBuffer(byteCount: min(1 << 20, max(1, file.byteCount)))
      var done = 0
      while done < file.byteCount {
        var span = buffer.mutableBytes
        var part = span._mutatingExtracting(0..<min(span.byteCount, file.byteCount - done))
        try file.read(at: done, into: &part)
        hash.update(part.bytes)
        done += part.byteCount
      }
      found = Array(hash.finalize()).hexadecimal
      checksums[key] = found
    }
    guard found == checksum else {
      throw error(
        message,
        "the SHA-1 of '\(location.printable)' is \(found), but the model states "
          + checksum.prefix(40).description.printable, .checksum)
    }
  }

  private func error(
    _ message: TensorMessage, _ reason: String, _ fault: ONNXFault = .external,
    hint: Message? = nil
  ) -> FormatError {
    FormatError(
      fault, reason, path: input.path, tensor: message.name, byteOffset: message.byteOffset,
      hint: hint)
  }
}
