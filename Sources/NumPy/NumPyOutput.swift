import Base
import Checkpoints
import TensorCore

/// The tensors of an output for NumPy, and the notes about what it leaves out.
struct NumPyOutput {
  var tensors: [LazyTensor]
  var notes: [Message]

  /// - Throws: ``UsageError`` if NumPy has no dtype for some tensors.
  init(_ checkpoint: Checkpoint, options: WriterOptions, format: String) throws {
    (tensors, notes) = checkpoint.withoutAliases(keeping: options.keepsAliases)
    try SeveralErrors.throwIfAny(Self.errors(tensors, format: format))
    if !checkpoint.metadata.isEmpty {
      let keys = checkpoint.metadata.map(\.key.printable).joined(separator: ", ")
      notes.append("\(format) has no place for metadata; left out: \(keys)")
    }
    if options.lineage != nil {
      notes.append("\(format) has no place for the lineage, which is left out")
    }
    if !checkpoint.companions.isEmpty {
      let names = checkpoint.companions.map(\.name.printable).joined(separator: ", ")
      notes.append("\(format) cannot contain other files; left out: \(names)")
    }
    if checkpoint.folder.hasIndexKeys {
      notes.append("\(format) cannot contain the other keys of the index, which are left out")
    }
  }

  /// The number of names that an error shows.
  private static let shownCount = 5

  private static func errors(_ tensors: [LazyTensor], format: String) -> [UsageError] {
    let unknown = tensors.filter { NPYElement.descr(of: $0.info.dtype) == nil }
    let convertible = unknown.filter { $0.info.dtype.isPlainFloat || $0.info.dtype.isF8 }
    let others = unknown.filter { !($0.info.dtype.isPlainFloat || $0.info.dtype.isF8) }
    var errors: [UsageError] = []
    if !convertible.isEmpty {
      errors.append(
        UsageError(
          "NumPy has no dtype for " + list(convertible),
          hint: "convert them with \(setting: "dtype", "f32")"))
    }
    if !others.isEmpty {
      errors.append(
        UsageError(
          "NumPy has no dtype for " + list(others),
          hint: "leave them out, or write a .safetensors file"))
    }
    return errors
  }

  /// Returns the dtypes and the first names of tensors.
  private static func list(_ tensors: [LazyTensor]) -> String {
    let dtypes = Set(tensors.map(\.info.dtype.name)).sorted().joined(separator: ", ")
    let names = tensors.prefix(shownCount).map { "'\($0.name.printable)'" }
    let rest = tensors.count - names.count
    return "\(dtypes): " + names.joined(separator: ", ") + (rest > 0 ? " and \(rest) more" : "")
  }
}
