/// Descriptions of the faults of a `.sumac` file.
/// Source: Formats/sumac.md, section 12.
extension PackedFault {
  /// A sentence that describes the fault, for the catalogue of errors.
  var meaning: String {
    switch self {
    case .truncated:
      "The file has fewer bytes than header and trailer."
    case .notSumac:
      "The first six bytes are not the signature of .sumac files."
    case .textDamage:
      "The rest of the signature is damaged, as by a transfer that changes line ends."
    case .headerVersion:
      "The major version is not 1."
    case .headerFields:
      "Flags or reserved bytes of the header are not zero."
    case .headerFeatures:
      "The header requires a feature that this version does not know."
    case .headerChecksum:
      "The header does not match its hash."
    case .trailerMagic:
      "The file does not end in \"SUMACEND\"."
    case .fileLength:
      "The length in the trailer is not that of the file."
    case .indexPlace:
      "The index offset is not a multiple of 64, or the index does not lie between header and trailer."
    case .indexLength:
      "A length of the index is 0 or over its limit, or the stored length exceeds the decoded one."
    case .indexChecksum:
      "Index, chunk table, header or trailer do not match the SHA-256."
    case .indexPadding:
      "Bytes between index and chunk table are not zero."
    case .indexCompression:
      "The stored index is not a zstd frame that declares and has the decoded length of the index."
    case .indexEncoding:
      "The index is not in the CBOR encoding of section 5.1 of the specification."
    case .indexKey:
      "A map of the index lacks a key, or has one that is not defined."
    case .indexValue:
      "A value of the index has the wrong type, or features are out of order."
    case .requiredFeature:
      "The file requires a feature that this version does not know."
    case .nameLength:
      "The name of a tensor is over 4096 bytes."
    case .duplicateName:
      "Two entries, or two attachments, have the same name."
    case .dtype:
      "A dtype is not one of those of section 5.3 of the specification."
    case .shape:
      "A shape is outside the limits of the format, or the values do not end on a byte."
    case .aliasTarget:
      "An alias does not name a tensor that comes before it."
    case .terms:
      "A tensor has no term, or more than 64."
    case .unknownTerm:
      "A term has a kind that this version does not know."
    case .unknownCodec:
      "A term has a codec that this version does not know, or whose values it cannot compute."
    case .codecParameters:
      "The parameters of a codec are missing, unknown or out of range."
    case .termDType:
      "A term or sum cannot be of the tensor's dtype."
    case .lowRank:
      "A low-rank term does not fit the tensor, or its factors have a wrong dtype."
    case .attachmentName:
      "The name of an attachment is not a relative path of plain components."
    case .attachmentLength:
      "An attachment claims 2^48 bytes or more."
    case .chunkCount:
      "The number of chunks of a term or attachment is not that of its grid."
    case .chunkTableLength:
      "The chunk table does not have one record for each chunk, and one seal if the file is sealed."
    case .chunkPlace:
      "A chunk does not start where the one before it and the alignment put it, or the last does not end at the index."
    case .chunkLength:
      "The lengths of a chunk are not those of its codec."
    case .chunkValues:
      "The number of values of a chunk is not that of its grid, or exceeds it in a sparse term."
    case .chunkCodec:
      "The codecs of a chunk are not those of its term."
    case .chunkFlags:
      "A flag is set that is not defined."
    case .chunkChecksum:
      "A chunk does not match its hash."
    case .chunkPadding:
      "Bytes after the header or after a segment are not zero."
    case .streamTable:
      "The streams of a chunk are not those of its codec, or do not fill it."
    case .streamCompression:
      "A stream is not a zstd frame that decodes to the length in its table."
    case .streamValues:
      "Streams hold values that their codec does not define."
    case .chunkSeal:
      "A chunk does not match its seal."
    case .contentID:
      "Values do not match the tensor's content id."
    }
  }

  /// A sentence that describes what to do about it.
  var remedy: String {
    switch self {
    case .headerFeatures, .headerVersion, .requiredFeature, .unknownCodec, .unknownTerm:
      "Read the file with the version of sumac that wrote it, or a newer one."
    case .notSumac: "Check that the file is what its name says; inspect detects formats by content."
    case .contentID, .chunkSeal:
      "The values are not those that were written: fetch the file again from where it came from."
    default: "The file is damaged or was made by a faulty writer: fetch it or write it again."
    }
  }
}
