import pytest

from lookalike.backup import BackupFolder
from lookalike.backup import making as making_module
from lookalike.backup.folder import Backup
from lookalike.errors import CallerError, StorageFailed
from parts import Parts


def files_below(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_a_folder_of_something_else_or_of_another_library_is_left_alone(library, back_up_now, destination, tmp_path):
    destination.mkdir()
    (destination / "holiday.jpg").write_bytes(b"x")
    with pytest.raises(CallerError, match="not backups"):
        back_up_now()
    assert files_below(destination) == {"holiday.jpg"}
    (destination / "holiday.jpg").unlink()
    (destination / ".DS_Store").write_bytes(b"x")
    back_up_now()
    with Parts(tmp_path / "other") as other, pytest.raises(CallerError, match="another library"):
        making_module.back_up(other.catalog, making_module.Parts(originals=tmp_path / "other/originals"), destination)
    with pytest.raises(CallerError, match="inside the library"):
        making_module.back_up(
            library.catalog,
            making_module.Parts(originals=library.folder / "originals"),
            library.folder / "backups",
        )


def test_a_record_that_was_changed_is_refused(back_up_now):
    backup = back_up_now().folder
    record = Backup.read(backup)
    assert (record.images, record.uploads, record.number) == (12, 6, 1)
    written = (backup / "backup.json").read_text()
    (backup / "backup.json").write_text(written.replace('"images": 12', '"images": 13'))
    with pytest.raises(StorageFailed, match="does not match its own checksum"):
        Backup.read(backup)
    (backup / "backup.json").write_text(written.replace('"format_version": 1', '"format_version": 2'))
    with pytest.raises(StorageFailed, match="a newer lookalike made this backup"):
        Backup.read(backup)
    (backup / "backup.json").write_text(written[:-20])
    with pytest.raises(StorageFailed, match=r"backup\.json cannot be read"):
        Backup.read(backup)


def test_backups_are_in_the_order_of_their_numbers_not_of_their_names(tmp_path):
    for name in ("0002-b", "10000-a", "0010-c", "unfinished-1", "0011-empty"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "backup.json").touch()
    (tmp_path / "0011-empty" / "backup.json").unlink()
    assert [path.name for path in BackupFolder(tmp_path).backups()] == ["0002-b", "0010-c", "10000-a"]


def test_a_folder_without_a_backup_says_how_one_is_made(tmp_path):
    with pytest.raises(CallerError, match=f"`lookalike backup {tmp_path}` makes one"):
        BackupFolder(tmp_path).newest()
