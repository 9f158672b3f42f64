extension ExitStatus {
  /// The word by which programs that read borg's `--log-json` know the end of a run; `nil` where
  /// borg has none.
  var messageID: String? {
    switch self {
    case .failure(let failure): failure.messageID
    case .warning(let warning): warning.messageID
    case .success, .command, .signal: nil
    }
  }
}

extension ExitStatus.Warning {
  /// borg's word for it; `nil` where it has none.
  var messageID: String? {
    switch self {
    case .various: nil
    case .damage: "IntegrityError"
    case .fileChanged: "FileChangedWarning"
    case .patternNeverMatched: "IncludePatternNeverMatchedWarning"
    case .fileSkipped: "BackupError"
    case .fileReplaced: "BackupRaceConditionError"
    case .fileFailed: "BackupOSError"
    case .filePermissionDenied: "BackupPermissionError"
    case .fileReadError: "BackupIOError"
    case .fileMissing: "BackupFileNotFoundError"
    case .symbolicLinkInPath: "BackupSymlinkParentError"
    case .unsafePath: "BackupPathTraversalError"
    case .unsafeHardLink: "BackupHardlinkSourceError"
    }
  }
}

extension ExitStatus.Failure {
  /// borg's word for it.
  var messageID: String {
    switch self {
    case .other: "Error"
    case .cancelled: "CancelledByUser"
    case .commandLine: "CommandError"
    case .template: "PlaceholderError"
    case .unknownPlaceholder: "InvalidPlaceholder"
    case .repositoryExists: "Repository.AlreadyExists"
    case .checkNeeded: "Repository.CheckNeeded"
    case .repositoryMissing: "Repository.DoesNotExist"
    case .noSpace: "Repository.InsufficientFreeSpaceError"
    case .notARepository: "Repository.InvalidRepository"
    case .repositoryConfiguration: "Repository.InvalidRepositoryConfig"
    case .objectMissing: "Repository.ObjectNotFound"
    case .parentDirectoryMissing: "Repository.ParentPathDoesNotExist"
    case .pathExists: "Repository.PathAlreadyExists"
    case .quotaExceeded: "Repository.StorageQuotaExceeded"
    case .repositoryPermissionDenied: "Repository.PathPermissionDenied"
    case .unsupportedFeature: "MandatoryFeatureUnsupported"
    case .archiveExists: "Archive.AlreadyExists"
    case .archiveMissing: "Archive.DoesNotExist"
    case .keyInvalid: "KeyfileInvalidError"
    case .keyOfOtherRepository: "KeyfileMismatchError"
    case .keyFileMissing: "KeyfileNotFoundError"
    case .notAKeyBackup: "NotABorgKeyFile"
    case .repositoryKeyMissing: "RepoKeyNotFoundError"
    case .keyBackupOfOtherRepository: "RepoIdMismatch"
    case .notEncrypted: "UnencryptedRepo"
    case .unknownKeyType: "UnknownKeyType"
    case .unsupportedPayload: "UnsupportedPayloadError"
    case .noPassphrase: "NoPassphraseFailure"
    case .passCommandFailed: "PasscommandFailure"
    case .wrongPassphrase: "PassphraseWrong"
    case .tooManyTries: "PasswordRetriesExceeded"
    case .cacheAborted: "Cache.CacheInitAbortedError"
    case .encryptionChanged: "Cache.EncryptionMethodMismatch"
    case .repositoryAccessAborted: "Cache.RepositoryAccessAborted"
    case .repositoryNotUnique: "Cache.RepositoryIDNotUnique"
    case .repositoryReplayed: "Cache.RepositoryReplay"
    case .lock: "LockError"
    case .lockFailed: "LockFailed"
    case .lockTimeout: "LockTimeout"
    case .lockLost: "NotLocked"
    case .connectionClosed: "ConnectionClosed"
    case .connectionClosedWithHint: "ConnectionClosedWithHint"
    case .unknownRequest: "InvalidRPCMethod"
    case .pathNotAllowed: "PathNotAllowed"
    case .serverOutdated: "RemoteRepository.RPCServerOutdated"
    case .malformedRequest: "UnexpectedRPCDataFormatFromClient"
    case .malformedResponse: "UnexpectedRPCDataFormatFromServer"
    case .connectionBroken: "ConnectionBrokenWithHint"
    case .integrity: "IntegrityError"
    case .fileIntegrity: "FileIntegrityError"
    case .decompression: "DecompressionError"
    case .archiveAuthentication: "ArchiveTAMInvalid"
    case .repositoryAuthentication: "TAMInvalid"
    }
  }
}
