package import Base
package import Checkpoints
import TensorCore

/// Writes the files of an archive into a folder.
///
/// All checks of ``Archives`` apply. Links become copies of the files that they lead to, so nothing outside of the folder
/// is ever written to.
package struct ArchiveExtraction: CheckpointWriter {
  private let files: [LazyTensor]
  package let plan: OutputPlan

  package var isDirectory: Bool { true }

  /// - Throws: ``FormatError`` if the input is not an archive, or if a member is refused.
  package init(_ input: InputTree) throws {
    guard !input.isFolder else {
      throw FormatError(.notAnArchive, "is a folder, not an archive", path: input.path)
    }
    let file = try input.openNamedFile()
    guard
      let content = try Archives.anyContent(
        of: file, prefix: input.prefix, limit: input.catalogLimit)
    else {
      throw FormatError(
        .notAnArchive, "is not an archive that this version reads", path: input.path,
        hint: "archives are tar, tar.gz, tar.bz2, tar.zst, zip and whl")
    }
    let nodes = try ArchiveNodes(content)
    var found: [LazyTensor] = []
    var notes: [Message] = []
    try Self.collect(nodes, content, nodes.topFolder, "", &found, &notes)
    files = found
    let byteCount = found.reduce(0) { $0 + $1.info.byteCount }
    plan = OutputPlan(
      rows: [], companions: found.map(\.name), byteCount: byteCount, isExact: true,
      demand: MemoryBudget.Demand(
        fixedByteCount: 1024 * found.count,
        workerByteCount: Engine.workspaceByteCount(of: found, extra: { _ in 0 })),
      tileCount: found.reduce(0) { $0 + $1.info.grid.count }, valueByteCount: byteCount,
      notes: notes)
  }

  private static func collect(
    _ nodes: ArchiveNodes, _ content: any ArchiveContent, _ folder: String, _ target: String,
    _ found: inout [LazyTensor], _ notes: inout [Message]
  ) throws {
    for entry in nodes.entries(in: folder) ?? [] {
      let path = folder.isEmpty ? entry.name : folder + "/" + entry.name
      let name = target.isEmpty ? entry.name : target + "/" + entry.name
      switch entry.kind {
      case .folder: try collect(nodes, content, path, name, &found, &notes)
      case .file:
        guard let number = nodes.file(path) else { continue }
        let file = try content.open(number)
        let info = try TensorInfo(name: name, dtype: .u8, shape: Shape([file.byteCount]))
        found.append(
          LazyTensor(
            info: info, source: FileTensorSource(file: file, info: info, byteOffset: 0),
            stored: StoredForm(
              file: name, byteOffset: 0, byteCount: file.byteCount, dtype: .u8)))
      case .brokenLink:
        notes.append("left out, as it is a link to nothing: \(path.printable)")
      case .linkedFolder, .linkedFile, .other:
        notes.append("left out, as it is a link to a folder: \(path.printable)")
      }
    }
  }

  package func write(to output: AtomicOutput, engine: Engine) throws {
    let ordered = files.enumerated().sorted { left, right in
      switch (left.element.source.readingPlace, right.element.source.readingPlace) {
      case (let first?, let second?): (first, left.offset) < (second, right.offset)
      case (nil, _?): true
      case (_?, nil): false
      case (nil, nil): left.offset < right.offset
      }
    }.map(\.element)
    let workspace = plan.demand.workerByteCount
    try output.writeDirectory { folder in
      for file in ordered {
        try engine.cancellation.check()
        try folder.writeFile(file.name) { target in
          try write(file, to: target, engine, workspaceByteCount: workspace)
        }
      }
    }
  }

  private func write(
    _ file: LazyTensor, to target: OutputFile, _ engine: Engine, workspaceByteCount: Int
  ) throws {
    try target.reserve(byteCount: file.info.byteCount)
    if let bytes = file.source.fileBytes, !bytes.file.isDecoded {
      var copies = FileCopies()
      copies.add(bytes.range, of: bytes.file, to: 0, index: 0)
      return try copies.write(to: target, engine: engine)
    }
    try engine.forEachTile(of: [file], workspaceByteCount: workspaceByteCount) {
      _, tile, values, _ in
      try target.write(values, at: tile.elements.lowerBound)
    }
  }
}

extension FormatError.Code {
  package static let notAnArchive = FormatError.Code(
    "archive.unknown",
    meaning: "The content of a file is not that of an archive that this version reads.",
    remedy: "Check the path; archives are tar, tar.gz, tar.bz2, tar.zst, zip and whl.")
}
