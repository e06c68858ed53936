package import Base
import TensorCore

/// The faults of a `.sumac` file, with the codes of the format's specification.
package enum PackedFault: String, CaseIterable, Sendable {
  case truncated = "sumac.truncated"
  case notSumac = "sumac.not-sumac"
  case textDamage = "sumac.text-damage"
  case headerVersion = "sumac.header-version"
  case headerFields = "sumac.header-fields"
  case headerFeatures = "sumac.header-features"
  case headerChecksum = "sumac.header-checksum"
  case trailerMagic = "sumac.trailer-magic"
  case fileLength = "sumac.file-length"
  case indexPlace = "sumac.index-place"
  case indexLength = "sumac.index-length"
  case indexChecksum = "sumac.index-checksum"
  case indexPadding = "sumac.index-padding"
  case indexCompression = "sumac.index-compression"
  case indexEncoding = "sumac.index-encoding"
  case indexKey = "sumac.index-key"
  case indexValue = "sumac.index-value"
  case requiredFeature = "sumac.required-feature"
  case nameLength = "sumac.name-length"
  case duplicateName = "sumac.duplicate-name"
  case dtype = "sumac.dtype"
  case shape = "sumac.shape"
  case aliasTarget = "sumac.alias-target"
  case terms = "sumac.terms"
  case unknownTerm = "sumac.unknown-term"
  case unknownCodec = "sumac.unknown-codec"
  case codecParameters = "sumac.codec-parameters"
  case termDType = "sumac.term-dtype"
  case lowRank = "sumac.low-rank"
  case attachmentName = "sumac.attachment-name"
  case attachmentLength = "sumac.attachment-length"
  case chunkCount = "sumac.chunk-count"
  case chunkTableLength = "sumac.chunk-table-length"
  case chunkPlace = "sumac.chunk-place"
  case chunkLength = "sumac.chunk-length"
  case chunkValues = "sumac.chunk-values"
  case chunkCodec = "sumac.chunk-codec"
  case chunkFlags = "sumac.chunk-flags"
  case chunkChecksum = "sumac.chunk-checksum"
  case chunkPadding = "sumac.chunk-padding"
  case streamTable = "sumac.stream-table"
  case streamCompression = "sumac.stream-compression"
  case streamValues = "sumac.stream-values"
  case chunkSeal = "sumac.chunk-seal"
  case contentID = "sumac.content-id"

  package var code: FormatError.Code {
    FormatError.Code(rawValue, meaning: meaning, remedy: remedy)
  }
}

extension FormatError {
  package init(
    _ fault: PackedFault, _ reason: String, path: String, tensor: String? = nil,
    byteOffset: Int? = nil, hint: Message? = nil
  ) {
    self.init(
      fault.code, reason, path: path, tensor: tensor, byteOffset: byteOffset, hint: hint)
  }
}
