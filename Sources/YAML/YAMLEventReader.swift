import CYaml

/// A reader for the events of a YAML stream; it uses libyaml.
///
/// The parser of libyaml keeps pointers to itself and to the text. It is therefore allocated on the heap, only this
/// type owns and deletes it, and the reader cannot outlive the text.
@safe package struct YAMLEventReader: ~Copyable, ~Escapable {
  private let parser: UnsafeMutablePointer<yaml_parser_t>
  private let source: Span<UInt8>

  /// - Parameter text: UTF-8, with or without a byte order mark.
  /// - Throws: A fault if the text is empty or is not UTF-8.
  @_lifetime(copy text)
  package init(_ text: Span<UInt8>) throws(YAMLFault) {
    do {
      _ = try UTF8Span(validating: text)
    } catch {
      throw YAMLFault("is not UTF-8", line: Self.line(of: error.byteOffsets.lowerBound, in: text))
    }
    // libyaml would count the mark as a column and treat the first line as indented.
    let hasMark = text.count >= 3 && text[0] == 0xEF && text[1] == 0xBB && text[2] == 0xBF
    let source = text.extracting((hasMark ? 3 : 0)..<text.count)
    try Self.checkDirectives(in: source)
    guard !source.isEmpty else { throw YAMLFault("is empty", line: 1) }
    let parser = UnsafeMutablePointer<yaml_parser_t>.allocate(capacity: 1)
    // SAFETY: the parser has memory of its own size, which this function initializes. On failure it owns nothing.
    guard unsafe yaml_parser_initialize(parser) == 1 else {
      unsafe parser.deallocate()
      throw YAMLFault("not enough memory to read YAML", line: 1)
    }
    unsafe yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
    // SAFETY: the pointer leaves the closure, but its bytes stay valid and unchanged as long as the span does, and
    // this value does not outlive the span. The pointer is not nil because the span is not empty.
    unsafe source.withUnsafeBufferPointer { bytes in
      unsafe yaml_parser_set_input_string(parser, bytes.baseAddress, bytes.count)
    }
    unsafe self.parser = parser
    self.source = source
  }

  deinit {
    // SAFETY: the parser was initialized, and nothing else refers to it.
    unsafe yaml_parser_delete(parser)
    unsafe parser.deallocate()
  }

  /// Returns the next event; after the last event it returns `streamEnd` on every call.
  package mutating func next() throws(YAMLFault) -> YAMLEvent {
    while true {
      var event = unsafe yaml_event_t()
      // SAFETY: the parser is valid. It fills the event, or leaves it empty; an empty event may be deleted too.
      guard unsafe yaml_parser_parse(parser, &event) == 1 else { throw fault }
      defer { unsafe yaml_event_delete(&event) }
      if let event = unsafe Self.event(event) { return event }
    }
  }

  /// Returns nil for events without content: the start of the stream and the end of a document.
  private static func event(_ event: yaml_event_t) -> YAMLEvent? {
    let line = unsafe Int(event.start_mark.line) + 1
    // SAFETY: the type determines which member of the union is set. Its texts end with a zero or, for a scalar, have
    // the given length, and are copied here before the event is deleted.
    switch unsafe event.type {
    case YAML_DOCUMENT_START_EVENT:
      return YAMLEvent(kind: .documentStart, line: line)
    case YAML_NO_EVENT, YAML_STREAM_END_EVENT:
      return YAMLEvent(kind: .streamEnd, line: line)
    case YAML_ALIAS_EVENT:
      return unsafe YAMLEvent(kind: .alias(text(event.data.alias.anchor) ?? ""), line: line)
    case YAML_SCALAR_EVENT:
      let scalar = unsafe event.data.scalar
      let bytes = unsafe UnsafeBufferPointer(start: scalar.value, count: scalar.length)
      return unsafe YAMLEvent(
        kind: .scalar(
          String(decoding: bytes, as: UTF8.self), isPlain: scalar.style == YAML_PLAIN_SCALAR_STYLE),
        anchor: text(scalar.anchor), tag: text(scalar.tag), line: line)
    case YAML_SEQUENCE_START_EVENT:
      let start = unsafe event.data.sequence_start
      return unsafe YAMLEvent(
        kind: .sequenceStart, anchor: text(start.anchor), tag: text(start.tag), line: line)
    case YAML_SEQUENCE_END_EVENT:
      return YAMLEvent(kind: .sequenceEnd, line: line)
    case YAML_MAPPING_START_EVENT:
      let start = unsafe event.data.mapping_start
      return unsafe YAMLEvent(
        kind: .mappingStart, anchor: text(start.anchor), tag: text(start.tag), line: line)
    case YAML_MAPPING_END_EVENT:
      return YAMLEvent(kind: .mappingEnd, line: line)
    default:
      return nil
    }
  }

  /// Copies a text that ends with a zero.
  private static func text(_ bytes: UnsafeMutablePointer<UInt8>?) -> String? {
    guard let bytes = unsafe bytes else { return nil }
    // SAFETY: all texts of events except the values of scalars end with a zero.
    return unsafe String(cString: bytes)
  }
}

extension YAMLEventReader {
  /// The error that libyaml reported in the last call.
  private var fault: YAMLFault {
    // SAFETY: the parser is valid; problem and context are constants of the library, or nil.
    let error = unsafe parser.pointee.error
    let problem = unsafe parser.pointee.problem.map { unsafe String(cString: $0) } ?? "unreadable"
    let context = unsafe parser.pointee.context.map { unsafe " " + String(cString: $0) } ?? ""
    switch error {
    case YAML_MEMORY_ERROR:
      return YAMLFault("not enough memory to read YAML", line: 1)
    case YAML_READER_ERROR:
      // The reader is ahead of the scanner and knows only the byte offset.
      let byteOffset = unsafe Int(clamping: parser.pointee.problem_offset)
      return YAMLFault(problem, line: Self.line(of: byteOffset, in: source))
    default:
      let mark = unsafe parser.pointee.problem_mark
      let start = unsafe Int(clamping: parser.pointee.context_mark.line) + 1
      let byte = byte(ofCharacter: Int(clamping: mark.index))
      let last = source[source.count - 1]
      // At the end of the text, if the last line is not terminated, libyaml is one line ahead.
      let isAhead = byte == nil && last != 0x0A && last != 0x0D
      let line = max(1, Int(clamping: mark.line) + (isAhead ? 0 : 1))
      // In other errors a tab is white space like any other and not the cause.
      let isAboutByte = problem.hasSuffix("start any token") || problem.contains("tab character")
      if byte == 0x09, isAboutByte {
        return YAMLFault("a tab cannot start a value or indent it; use spaces", line: line)
      }
      let origin = context.isEmpty || start >= line ? "" : " from line \(start)"
      return YAMLFault(problem + context + origin, line: line)
    }
  }

  private static let directiveLimit = 64

  /// Throws if more than `directiveLimit` lines could be directives, because libyaml compares each with all before it.
  private static func checkDirectives(in source: Span<UInt8>) throws(YAMLFault) {
    var count = 0
    for index in source.indices where source[index] == UInt8(ascii: "%") {
      // The last bytes of the line breaks of YAML 1.1: LF, CR, NEL, LS and PS.
      let isFirst = index == 0 || [0x0A, 0x0D, 0x85, 0xA8, 0xA9].contains(source[index - 1])
      guard isFirst else { continue }
      count += 1
      guard count <= directiveLimit else {
        throw YAMLFault(
          "more than \(directiveLimit) lines begin with '%'", line: line(of: index, in: source))
      }
    }
  }

  /// Returns the number of the line that contains a byte, starting at 1.
  private static func line(of byteOffset: Int, in source: Span<UInt8>) -> Int {
    var line = 1
    for index in 0..<min(max(0, byteOffset), source.count) where source[index] == 0x0A { line += 1 }
    return line
  }

  /// Returns the first byte of a character, or nil at the end of the text.
  private func byte(ofCharacter character: Int) -> UInt8? {
    var count = 0
    for index in source.indices where source[index] & 0xC0 != 0x80 {
      if count == character { return source[index] }
      count += 1
    }
    return nil
  }
}
