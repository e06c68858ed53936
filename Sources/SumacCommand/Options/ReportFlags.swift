import ArgumentParser
import Base
import Operations
import Reporting

/// The options for how a report is printed.
struct ReportFlags: ParsableArguments {
  @Option(
    help:
      "Format of the report. (default: from the name of -o, such as report.html, otherwise text)")
  var format: ReportFormat?

  @Flag(help: "Same as --format json.")
  var json = false

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp(
      "Write the report to this file; its suffix chooses the format; - means standard output.",
      valueName: "path"),
    completion: .file())
  var output: String?

  @Flag(name: .shortAndLong, help: "Replace an existing file with the report.")
  var force = false

  mutating func validate() throws {
    if json, let format, format != .json {
      throw ValidationError("--json and --format \(format.rawValue) cannot be used together")
    }
  }

  /// The path of the file for the report, or nil for standard output.
  private var path: String? { output == "-" ? nil : output }

  /// The format that was asked for: by an option, or by the suffix of the file.
  var chosenFormat: ReportFormat {
    format ?? (json ? .json : path.flatMap(ReportFormat.init(path:)) ?? .text)
  }

  /// The path of a drawing that the command is to make; nil unless the suffix of the file asks for one.
  var drawing: String? {
    guard format == nil, !json, let path, ReportFormat.suffix(of: path) == "svg" else { return nil }
    return path
  }

  /// Checks `--output` before the work starts.
  ///
  /// - Parameters:
  ///   - inputs: The paths that the report must not replace.
  ///   - drawings: The suffixes of drawings that the command makes, such as `svg`.
  func check(inputs: [String], drawings: [String] = []) throws {
    guard let path else { return }
    let suffix = ReportFormat.suffix(of: path)
    if format == nil, !json, let suffix, ReportFormat(path: path) == nil,
      !drawings.contains(suffix)
    {
      let known = drawings + ReportFormat.allCases.flatMap(\.suffixes)
      throw UsageError(
        "\(path.printable): this command writes no .\(suffix.printable) report",
        hint: "use a name that ends in .\(known.joined(separator: ", .")), or \(setting: "format")")
    }
    if format != nil || json, let named = ReportFormat(path: path), named != chosenFormat {
      throw UsageError(
        "the name \(path.printable) asks for \(named.rawValue), but the format is "
          + chosenFormat.rawValue,
        hint: "leave out \(setting: "format"), or change the suffix of the name")
    }
    try ReportFile.check(path, replacesExisting: force, inputs: inputs)
  }

  /// Prints the reports of a result, if there are any.
  func print(_ result: OperationResult, color: ColorChoice) throws {
    guard result.hasReports else { return }
    guard let path else {
      return try StandardOutput.write(result, as: chosenFormat, color: color)
    }
    try ReportFile.write(to: path, replacesExisting: force) { write in
      try result.write(as: chosenFormat, width: nil, to: write)
    }
  }
}

extension ReportFormat: ExpressibleByArgument {
  /// The format that the suffix of a file name asks for.
  init?(path: String) {
    guard let suffix = Self.suffix(of: path),
      let format = Self.allCases.first(where: { $0.suffixes.contains(suffix) })
    else { return nil }
    self = format
  }

  /// Returns the suffix of the last component of a path in lower case, without the dot.
  static func suffix(of path: String) -> String? {
    let name = path.split(separator: "/").last ?? ""
    guard let dot = name.lastIndex(of: "."), dot > name.startIndex else { return nil }
    return name[name.index(after: dot)...].lowercased()
  }
}
