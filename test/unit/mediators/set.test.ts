import { expect } from 'chai';
import { faultsOfSteps, runSteps } from '../../support/steps.ts';

describe('set', () => {
  it('replaces fields of the data and keeps the others', () => {
    const outcome = runSteps('- set: { data: { total: data.total + 1.0, shipTo: { country: { $const: DE } } } }', {
      note: 'n',
    });
    expect(outcome).to.deep.include({ data: { id: 'o1', total: 6, note: 'n', shipTo: { country: 'DE' } } });
  });

  it('checks the fields against the contract they belong to', () => {
    expect(
      faultsOfSteps('- set: { data: { totl: data.total, note: data.total } }').map((fault) => fault.split(':')[0]),
    ).to.have.members(['WB_MAPPING_FIELD steps.0.set.data.totl', 'WB_MAPPING_TYPE steps.0.set.data.note']);
  });

  it('leaves a field as it is when its value is absent', () => {
    expect(runSteps('- set: { data: { id: data.?note } }')).to.deep.include({ data: { id: 'o1', total: 5 } });
  });

  it('adds variables that later steps read, with their types', () => {
    expect(
      runSteps(
        "- set: { vars: { double: data.total * 2.0, who: \"'me'\", yes: true } }\n- filter: vars.double == 10.0 && vars.who == 'me' && vars.yes",
      ),
    ).to.have.property('data');
    expect(
      faultsOfSteps('- set: { vars: { double: data.total * 2.0 } }\n- filter: vars.double').map(
        (fault) => fault.split(':')[0],
      ),
    ).to.deep.equal(['WB_EXPRESSION_TYPE steps.1.filter']);
    expect(faultsOfSteps('- set: { vars: { a: "1", b: vars.a } }').map((fault) => fault.split(':')[0])).to.deep.equal([
      'WB_EXPRESSION_FIELD steps.0.set.vars.b',
    ]);
  });

  it('leaves the message unaltered when it only adds variables', () => {
    expect(runSteps('- set: { vars: { a: "1" } }')).to.have.nested.property('envelope.id', 'in-1');
  });

  it('sets and removes headers, and passes the body through', () => {
    const outcome = runSteps(
      '- set: { headers: { region: "\'eu\'", amount: data.total, old: null, note: data.?note } }',
      {},
      { headers: { old: 'x', note: 'y', kept: 'z' } },
    );
    expect(outcome)
      .to.have.nested.property('envelope.headers')
      .that.deep.equals({ kept: 'z', region: 'eu', amount: '5' });
    expect(outcome).to.deep.include({ body: Buffer.from('{"id":"o1","total":5}') });
  });

  it('refuses names of headers that CloudEvents does not allow or that mean something else', () => {
    expect(
      faultsOfSteps('- set: { headers: { Region: "\'a\'", partitionkey: "\'a\'", specversion: "\'a\'" } }'),
    ).to.have.members([
      'WB_MEDIATOR_OPTION steps.0.set.headers.Region: set: a header\'s name is 1 to 20 lower-case letters and digits, not "Region"',
      'WB_MEDIATOR_OPTION steps.0.set.headers.partitionkey: set: partitionkey is an attribute of the envelope, not a header',
      'WB_MEDIATOR_OPTION steps.0.set.headers.specversion: set: specversion is an attribute of the envelope, not a header',
    ]);
  });

  it('refuses a list as a header when it comes', () => {
    expect(runSteps('- set: { headers: { tags: data.?tags } }', { tags: ['a'] })).to.deep.equal({
      error: 'WB_MESSAGE_INVALID step 1 (set): headers.tags must be text, a number or a boolean, and is a list',
    });
  });

  it('sets the subject and the key, each from the message as it came to the step', () => {
    const outcome = runSteps('- set: { data: { id: "\'new\'" }, subject: data.id, key: data.id }');
    expect(outcome).to.have.property('envelope').that.includes({ subject: 'o1', key: 'o1' });
    expect(runSteps('- set: { subject: data.?note }', {}, { subject: 's' }))
      .to.have.property('envelope')
      .that.does.not.have.property('subject');
  });

  it('fails by name when there is no key', () => {
    expect(runSteps('- set: { key: data.?note }')).to.deep.equal({
      error: 'WB_MESSAGE_INVALID step 1 (set): key: data.?note gives no key',
    });
  });

  it('gives what it makes an id of its own', () => {
    expect(runSteps('- set: { subject: data.id }')).to.have.nested.property('envelope.causationId', 'in-1');
  });

  it('needs at least one option, and names the one that was meant', () => {
    expect(faultsOfSteps('- set: {}')).to.have.length(1);
    expect(faultsOfSteps('- set: { heders: { a: "1" } }')).to.deep.equal([
      'WB_MEDIATOR_OPTION steps.0.set.heders: set has no option heders',
    ]);
    expect(faultsOfSteps('- set: { vars: { a-b: "1" } }')).to.have.length(1);
  });
});
