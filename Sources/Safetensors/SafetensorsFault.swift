package import Base
import TensorCore

/// The faults of a safetensors file.
package enum SafetensorsFault: String, CaseIterable, Sendable {
  case tooShort = "safetensors.too-short"
  case headerTooLong = "safetensors.header-too-long"
  case headerPastEnd = "safetensors.header-past-end"
  case headerStart = "safetensors.header-start"
  case json = "safetensors.json"
  case duplicateKey = "safetensors.duplicate-key"
  case metadata = "safetensors.metadata"
  case entry = "safetensors.entry"
  case missingField = "safetensors.missing-field"
  case dtype = "safetensors.dtype"
  case shape = "safetensors.shape"
  case offsets = "safetensors.offsets"
  case byteCount = "safetensors.byte-count"
  case hole = "safetensors.hole"
  case overlap = "safetensors.overlap"
  case pastEnd = "safetensors.past-end"
  case uncovered = "safetensors.uncovered"
  case nameLength = "safetensors.name-length"

  package var code: FormatError.Code {
    FormatError.Code(rawValue, meaning: meaning, remedy: remedy)
  }
}

extension FormatError {
  package init(
    _ fault: SafetensorsFault, _ reason: String, path: String, tensor: String? = nil,
    byteOffset: Int? = nil, hint: Message? = nil
  ) {
    self.init(
      fault.code, reason, path: path, tensor: tensor, byteOffset: byteOffset, hint: hint)
  }
}
