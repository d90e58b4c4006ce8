import pytest

from lookalike.backup import BackupFolder, check_backup
from lookalike.progress import Silent


def test_each_thing_that_is_wrong_is_one_sentence(library, back_up_now, destination):
    backup = back_up_now().folder
    assert check_backup(backup) == []
    originals = BackupFolder(destination).originals
    gone, damaged = library.uploaded[:2]
    originals.path(gone).unlink()
    content = originals.get(damaged)
    originals.path(damaged).unlink()  # by now it is a hard link: the library's own copy stays
    originals.path(damaged).write_bytes(content[:-1])
    (backup / "library.toml").unlink()
    problems = check_backup(backup)
    assert len(problems) == 3
    assert any(f"upload {gone} is missing" in problem for problem in problems)
    assert f"upload {damaged} is damaged" in problems
    assert any(problem.startswith("library.toml cannot be read") for problem in problems)


@pytest.mark.parametrize("name", ["backup.json", "originals.txt"])
def test_a_backup_whose_own_list_is_gone_is_not_whole(back_up_now, name):
    backup = back_up_now().folder
    (backup / name).unlink()
    (problem,) = check_backup(backup)
    assert f"{name}: cannot be read" in problem or f"{name} cannot be read" in problem


def test_progress_is_told_of_every_upload(back_up_now):
    class Seen(Silent):
        def __init__(self):
            self.stages, self.steps = [], 0

        def stage(self, name, total=None):
            self.stages.append((name, total))

        def advance(self, steps=1):
            self.steps += steps

    seen = Seen()
    check_backup(back_up_now().folder, progress=seen)
    assert seen.stages == [("Checking uploads", 6)]
    assert seen.steps == 6
