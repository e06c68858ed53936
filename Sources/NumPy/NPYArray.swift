package import Base
import Checkpoints
package import TensorCore
import Zip

/// An open .npy file: a file of its own, or a member of an .npz file.
package struct NPYArray: Sendable {
  package let file: InputFile
  package let header: NPYHeader
  package let info: TensorInfo

  /// Reads the header, and checks that the bytes after it are exactly those of the array.
  /// - Parameter name: The name of the tensor.
  /// - Throws: ``FormatError``
  package init(_ file: InputFile, name: String) throws {
    self.file = file
    header = try NPYHeader(file)
    // All dtypes of NumPy consist of whole bytes.
    info = try TensorInfo(name: name, dtype: header.element.dtype, shape: header.shape)
    let byteCount = file.byteCount - header.dataOffset
    guard byteCount == info.byteCount else {
      let isShort = byteCount < info.byteCount
      throw FormatError(
        .byteCount,
        "dtype \(info.dtype.name) and shape \(info.shape) need \(info.byteCount) bytes, but "
          + "\(byteCount) follow the header", path: file.path,
        byteOffset: header.dataOffset + min(byteCount, info.byteCount),
        hint: isShort ? "the file may be cut short" : nil)
    }
  }

  /// True if the values are stored in another order than that of tensors.
  var isTransposed: Bool {
    header.isFortranOrder && info.shape.dimensions.count { $0 > 1 } > 1 && info.elementCount > 0
  }

  /// A short description of the way in which the values are stored.
  var codec: String {
    switch (isTransposed, header.element.swappedByteCount > 1) {
    case (false, false): "raw"
    case (true, false): "fortran"
    case (false, true): "big-endian"
    case (true, true): "fortran big-endian"
    }
  }

  /// Returns the source of the values.
  /// - Parameters:
  ///   - stored: The source of the bytes after the header, as they are stored.
  ///   - checksum: The checksum of the member; nil for a file of its own.
  ///   - panels: The memory for arrays in Fortran order.
  ///   - number: The number of the array among those that share the panels.
  func source(
    _ stored: any TensorSource, checksum: ZipChecksum? = nil, panels: FortranPanels, number: Int
  ) -> any TensorSource {
    let ordered: any TensorSource =
      isTransposed
      ? FortranTensorSource(
        file: file, info: info, byteOffset: header.dataOffset, checksum: checksum, panels: panels,
        array: number)
      : stored
    let wordByteCount = header.element.swappedByteCount
    return wordByteCount == 1
      ? ordered : SwappedTensorSource(stored: ordered, wordByteCount: wordByteCount)
  }
}
