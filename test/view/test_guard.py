# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Who is let in."""

from inspatio_ros.view.guard import Guard, is_loopback, token_for
import pytest

TOKEN = 'abcdef0123456789'


@pytest.mark.parametrize('host, alone', [
    ('127.0.0.1', True), ('127.1.2.3', True), ('::1', True), ('localhost', True),
    ('0.0.0.0', False), ('::', False), ('192.168.1.4', False), ('robot.local', False)])
def test_a_token_is_made_up_where_others_can_reach_us(host, alone):
    assert is_loopback(host) is alone
    token = token_for(host, None)
    assert (token is None) is alone
    assert alone or (len(token) >= 32 and token != token_for(host, None))


@pytest.mark.parametrize('given', ['', 'short', 'with space in', 'semi;colon12', 'ümlautümlaut'])
def test_a_token_that_could_be_guessed_or_is_no_cookie_is_refused(given):
    with pytest.raises(ValueError, match='8 letters or digits'):
        token_for('127.0.0.1', given)


def test_a_given_token_is_asked_for_everywhere():
    assert token_for('127.0.0.1', TOKEN) == token_for('0.0.0.0', TOKEN) == TOKEN


@pytest.mark.parametrize('host, allowed', [
    ('127.0.0.1:8088', True), ('localhost:1', True), ('[::1]:8088', True), ('localhost', True),
    ('127.0.0.2:8088', True), ('10.0.0.7:8088', False),
    ('evil.example:8088', False), ('127.0.0.1.evil.example', False), ('', False)])
def test_on_this_machine_only_its_own_names_are_answered(host, allowed):
    assert (Guard(None, 8088).why_not({'Host': host}, {}) == '') is allowed


def test_with_a_token_only_its_cookie_counts():
    guard = Guard(TOKEN, 8088)
    host = {'Host': 'robot:8088'}
    assert guard.why_not(host, {guard.cookie: TOKEN}) == ''
    for cookies in ({}, {guard.cookie: 'wrong'}, {guard.cookie: ''}, {guard.cookie: TOKEN + 'x'},
                    {'inspatio_view_9': TOKEN}, {guard.cookie: 'ü'}):
        assert 'token' in guard.why_not(host, cookies)


@pytest.mark.parametrize('origin, own', [
    ('http://robot:8088', True), ('http://robot:9', False), ('http://evil.example', False),
    ('null', False), ('', False)])
def test_only_the_page_itself_connects(origin, own):
    headers = {'Host': 'robot:8088', 'Origin': origin}
    assert Guard(TOKEN, 8088).is_own_page(headers) is own
    assert not Guard(TOKEN, 8088).is_own_page({'Host': 'robot:8088'})
