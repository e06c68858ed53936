package import Base

extension Report {
  /// Passes the report in `format` to `write`, in pieces of about a line; lines of text are limited to `width` where
  /// names can be shortened.
  package func write(
    as format: ReportFormat, width: Int?, to write: (String) throws -> Void
  ) rethrows {
    try self.write(as: format, style: TextStyle(width: width), to: write)
  }

  /// Passes the report in `format` to `write`, in pieces of about a line; the style applies to text.
  package func write(
    as format: ReportFormat, style: TextStyle, to write: (String) throws -> Void
  ) rethrows {
    switch format {
    case .text, .markdown:
      var last: Section?
      for section in sections {
        // An empty line between sections, except between two lines.
        if let last, !(last.isLine && section.isLine) { try write("\n") }
        if format == .markdown {
          try section.writeMarkdown(to: write)
        } else {
          try section.write(style: style) { try write(style.isASCII ? Glyphs.inASCII($0) : $0) }
        }
        last = section
      }
    case .html:
      try write(HTMLDocument.start(title: Self.schema))
      try writeHTML(to: write)
      try write(HTMLDocument.end)
    case .csv: try records.writeCSV(to: write)
    case .json:
      var writer = JSONWriter(indented: true, escapesControls: true)
      try writeDocument(&writer, to: write)
      try write(writer.drained() + "\n")
    case .jsonl: for line in lazyLines { try write(line.serialized(escapesControls: true) + "\n") }
    }
  }

  /// Returns the report in `format`.
  package func rendered(as format: ReportFormat, width: Int?) -> String {
    var text = ""
    write(as: format, width: width) { text += $0 }
    return text
  }

  func writeHTML(to write: (String) throws -> Void) rethrows {
    for section in sections { try section.writeHTML(to: write) }
  }

  /// Writes the JSON document with `writer`, and passes what is written after each line to `write`.
  func writeDocument(
    _ writer: inout JSONWriter, to write: (String) throws -> Void
  ) rethrows {
    writer.beginObject()
    writer.key("schema")
    writer.value(Self.schema)
    for (key, value) in members {
      writer.key(key)
      guard key == lineKey else {
        writer.value(value)
        continue
      }
      writer.beginArray()
      for line in lazyLines {
        writer.value(line)
        try write(writer.drained())
      }
      writer.endArray()
    }
    writer.endObject()
  }

  /// The JSON document.
  package var document: JSONValue {
    var object: JSONObject = ["schema": .string(Self.schema)]
    for (key, value) in members { object[key] = key == lineKey ? .array(lines) : value }
    return .object(object)
  }
}
