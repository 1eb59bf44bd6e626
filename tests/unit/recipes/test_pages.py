import pytest

from egoshift.errors import ConfigError
from egoshift.recipes.pages import filled

MARKS = ("<!-- begin -->", "<!-- end -->")
NEW = "new\n<!-- begin -->\n<!-- end -->\n"


def test_only_what_lies_between_the_marks_is_replaced(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- begin -->\nold\n<!-- end -->\nafter\n")
    once = filled(page, MARKS, "ours")
    assert once == "before\n<!-- begin -->\nours\n<!-- end -->\nafter\n"
    page.write_text(once)
    assert filled(page, MARKS, "ours") == once


def test_a_page_that_is_not_there_is_begun_anew_where_that_is_wanted(tmp_path):
    assert filled(tmp_path / "page.md", MARKS, "ours", new=NEW) == "new\n<!-- begin -->\nours\n<!-- end -->\n"
    with pytest.raises(ConfigError, match=r"page\.md: cannot be read \(No such file or directory\)"):
        filled(tmp_path / "page.md", MARKS, "ours")


@pytest.mark.parametrize("content", ["", "x", "".join(MARKS[::-1]), "".join(MARKS) * 2, MARKS[0]])
def test_a_page_without_one_place_is_refused(tmp_path, content):
    (tmp_path / "page.md").write_text(content)
    for new in ("", NEW):
        with pytest.raises(ConfigError, match=r"page\.md: needs one line <!-- begin --> and after it one <!-- end -->"):
            filled(tmp_path / "page.md", MARKS, "ours", new=new)
